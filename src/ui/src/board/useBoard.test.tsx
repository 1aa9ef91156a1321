import { act, renderHook, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import * as client from "../api/client";
import { SNAPSHOT } from "../test/show";
import { useBoard } from "./useBoard";

/** An event stream whose other end the test holds. */
class Stream {
  static opened: Stream[] = [];
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;
  private listener: ((event: { data: string }) => void) | null = null;
  constructor(readonly url: string) {
    Stream.opened.push(this);
  }
  addEventListener(_: string, listener: (event: { data: string }) => void) {
    this.listener = listener;
  }
  close() {
    this.closed = true;
  }
  paints(at: number) {
    act(() => this.listener?.({ data: JSON.stringify({ ...SNAPSHOT, at }) }));
  }
}

beforeEach(() => {
  Stream.opened = [];
  vi.stubGlobal("EventSource", Stream);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
  vi.spyOn(client, "boardHistory").mockResolvedValue([{ at: SNAPSHOT.at - 10_000, groups: {} }]);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the past is joined with the live pictures", async () => {
  const { result } = renderHook(() => useBoard());
  act(() => Stream.opened[0]?.onopen?.());
  Stream.opened[0]?.paints(SNAPSHOT.at);
  await waitFor(() => expect(result.current.history.map((sample) => sample.at)).toEqual([SNAPSHOT.at - 10_000, SNAPSHOT.at]));
  expect(result.current.staleSince).toBeNull();
});

test("a broken stream is stale at once, keeps its last picture, and is opened again", async () => {
  const { result } = renderHook(() => useBoard());
  Stream.opened[0]?.paints(SNAPSHOT.at);
  act(() => Stream.opened[0]?.onerror?.());
  expect(result.current.staleSince).not.toBeNull();
  expect(result.current.snapshot?.at).toBe(SNAPSHOT.at);
  await act(() => vi.advanceTimersByTimeAsync(1100));
  expect(Stream.opened).toHaveLength(2);
  Stream.opened[1]?.paints(SNAPSHOT.at + 5000);
  expect(result.current.staleSince).toBeNull();
});

test("a stream that has fallen silent is opened again", async () => {
  const { result } = renderHook(() => useBoard());
  Stream.opened[0]?.paints(SNAPSHOT.at);
  await act(() => vi.advanceTimersByTimeAsync(30_100));
  expect(Stream.opened[0]?.closed).toBe(true);
  expect(result.current.staleSince).not.toBeNull();
});
