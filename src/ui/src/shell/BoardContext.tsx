import { createContext, use, type ReactNode } from "react";
import { useBoard, type Board } from "../board/useBoard";

export const BoardContext = createContext<Board>({ snapshot: null, history: [], staleSince: null });

/** Keeps one live picture for all pages below it. */
export function BoardProvider({ children }: { children: ReactNode }) {
  return <BoardContext value={useBoard()}>{children}</BoardContext>;
}

export function useLiveBoard(): Board {
  return use(BoardContext);
}
