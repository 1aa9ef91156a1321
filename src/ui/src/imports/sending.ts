// Sends a file in pieces, and goes on where it was after a broken line.

import { addUpload, sendPiece, upload } from "../api/client";
import { asProblem } from "../api/problem";

/** Bytes of a piece: what is lost at most when the line breaks. */
export const PIECE_BYTES = 2 * 1024 * 1024;
/** Waits before a piece is tried again, in ms; after the last the problem is told. */
const WAITS_MS = [500, 1000, 2000, 5000, 10_000, 10_000, 10_000];

export interface Sending {
  /** How much has come, in bytes. */
  offset: number;
  /** The line is broken and it is tried again. */
  waiting: boolean;
}

export interface Means {
  /** The file on the service, if some of it may have come already. */
  known: string | null;
  onBegun: (id: string) => void;
  onProgress: (sending: Sending) => void;
  signal: AbortSignal;
  wait?: (ms: number) => Promise<void>;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Sends all of a file; gives its id on the service. Ends early, with `null`, where it is aborted. */
export async function sendFile(file: File, { known, onBegun, onProgress, signal, wait = sleep }: Means): Promise<string | null> {
  let at = known === null ? null : await upload(known).catch(() => null);
  if (at === null || at.length !== file.size) {
    at = await addUpload(file.name, file.size);
    onBegun(at.id);
  }
  const id = at.id;
  let offset = at.offset;
  let failures = 0;
  onProgress({ offset, waiting: false });
  while (offset < file.size) {
    if (signal.aborted) return null;
    const end = Math.min(offset + PIECE_BYTES, file.size);
    try {
      await sendPiece(id, offset, file.slice(offset, end));
      offset = end;
      failures = 0;
    } catch (error) {
      const problem = asProblem(error);
      const passing = problem.status === 0 || problem.status >= 500 || problem.status === 409 || problem.status === 408;
      const pause = WAITS_MS[failures];
      if (!passing || pause === undefined) throw error;
      failures += 1;
      onProgress({ offset, waiting: true });
      await wait(pause);
      // How much came of the piece only the service knows; while it does not answer either, the next try tells.
      offset = await upload(id).then((now) => now.offset, () => offset);
    }
    onProgress({ offset, waiting: false });
  }
  return id;
}
