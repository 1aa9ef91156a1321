import { useEffect, useState } from "react";
import { boardEvents, boardHistory, learnClock } from "../api/client";
import type { BoardSample, Snapshot } from "../api/types";
import { mergeHistory, withSnapshot } from "./history";

/** How long a stream may be silent before it is opened again: the figures of a centre at work change far more often. */
const SILENCE_MS = 30_000;
/** Waits between attempts to open the stream. */
const BACK_OFF_MS = [1000, 2000, 5000, 10_000];
/** How much past is asked for: all that is kept. */
const PAST_MS = 2 * 3600 * 1000;

export interface Board {
  snapshot: Snapshot | null;
  history: BoardSample[];
  /** When the picture ceased to be live, by this browser's clock; null while it is live or still being opened. */
  staleSince: number | null;
}

/** The live board: the latest picture, its past, and whether it can be trusted. */
export function useBoard(): Board {
  const [board, setBoard] = useState<Board>({ snapshot: null, history: [], staleSince: null });

  useEffect(() => {
    let source: EventSource | null = null;
    let timer = 0;
    let failures = 0;
    let ended = false;

    const lost = () => {
      source?.close();
      source = null;
      window.clearTimeout(timer);
      if (ended) return;
      setBoard((board) => ({ ...board, staleSince: board.staleSince ?? Date.now() }));
      const wait = BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)] ?? 10_000;
      failures += 1;
      timer = window.setTimeout(open, wait);
    };

    const watch = () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(lost, SILENCE_MS);
    };

    const fetchPast = async () => {
      try {
        const past = await boardHistory(Date.now() - PAST_MS);
        if (!ended) setBoard((board) => ({ ...board, history: mergeHistory(board.history, past) }));
      } catch {
        // The chart then begins now; the stream itself reports a lost connection.
      }
    };

    function open() {
      source = new EventSource(boardEvents);
      source.addEventListener("snapshot", (event: MessageEvent<string>) => {
        const snapshot = JSON.parse(event.data) as Snapshot;
        failures = 0;
        learnClock(snapshot.at);
        watch();
        setBoard((board) => ({ snapshot, history: withSnapshot(board.history, snapshot), staleSince: null }));
      });
      source.onopen = () => void fetchPast();
      source.onerror = lost;
      watch();
    }

    open();
    return () => {
      ended = true;
      window.clearTimeout(timer);
      source?.close();
    };
  }, []);

  return board;
}
