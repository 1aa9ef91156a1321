import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import { Problem } from "../api/problem";
import { PIECE_BYTES, sendFile, type Sending } from "./sending";

const view = (offset: number, length: number) => ({ id: "upl_1", name: "a.csv", length, offset, created_at: 0 });

/** A service that keeps what comes, and loses the line where it is told. */
function service(length: number, breaks: (piece: number) => Problem | null, there = 0) {
  let has = there;
  let piece = 0;
  vi.spyOn(client, "addUpload").mockImplementation(async () => view(0, length));
  vi.spyOn(client, "upload").mockImplementation(async () => view(has, length));
  vi.spyOn(client, "sendPiece").mockImplementation((async (_: string, offset: number, bytes: Blob) => {
    const broken = breaks(piece++);
    expect(offset).toBe(has);
    // A line that breaks may have carried some of the piece.
    has += broken ? Math.floor(bytes.size / 2) : bytes.size;
    if (broken) throw broken;
  }) as typeof client.sendPiece);
  return () => has;
}

function sending(file: File, known: string | null) {
  const seen: Sending[] = [];
  const begun: string[] = [];
  const abort = new AbortController();
  const done = sendFile(file, { known, onBegun: (id) => begun.push(id), onProgress: (now) => seen.push(now), signal: abort.signal, wait: async () => undefined });
  return { seen, begun, abort, done };
}

const LENGTH = 2 * PIECE_BYTES + 10;
const file = new File([new Uint8Array(LENGTH)], "a.csv");

test("a file goes in pieces, and after a broken line from where the service says", async () => {
  const has = service(LENGTH, (piece) => (piece === 1 ? new Problem(0, {}, null) : null));
  const { done, begun, seen } = sending(file, null);
  expect(await done).toBe("upl_1");
  expect([has(), begun]).toEqual([LENGTH, ["upl_1"]]);
  expect(seen.some((now) => now.waiting)).toBe(true);
  expect(seen.at(-1)).toEqual({ offset: LENGTH, waiting: false });
});

test("the same file chosen again goes on, and another length begins anew", async () => {
  service(LENGTH, () => null, PIECE_BYTES);
  const again = sending(file, "upl_1");
  expect(await again.done).toBe("upl_1");
  expect([again.begun, again.seen[0]?.offset]).toEqual([[], PIECE_BYTES]);
  vi.restoreAllMocks();
  service(5, () => null);
  const other = sending(new File(["12345"], "b.csv"), null);
  expect(await other.done).toBe("upl_1");
  expect(other.begun).toEqual(["upl_1"]);
});

test("a refusal is told at once, and a line that stays broken after a while", async () => {
  service(LENGTH, () => new Problem(413, { code: "too_large" }, null));
  await expect(sending(file, null).done).rejects.toThrow();
  expect(client.sendPiece).toHaveBeenCalledTimes(1);
  vi.restoreAllMocks();
  service(LENGTH, () => new Problem(0, {}, null));
  await expect(sending(file, null).done).rejects.toThrow();
  expect(vi.mocked(client.sendPiece).mock.calls.length).toBeGreaterThan(3);
});

test("what is aborted sends nothing more", async () => {
  service(LENGTH, () => null);
  const { abort, done } = sending(file, null);
  abort.abort();
  expect(await done).toBeNull();
  expect(client.sendPiece).not.toHaveBeenCalled();
});
