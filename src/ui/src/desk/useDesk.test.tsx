import { act, renderHook, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import * as client from "../api/client";
import { DESK } from "../test/show";
import { useDesk } from "./useDesk";

const NOBODY = { view: null, lead: null, campaign: null, customer: null };

/** A socket whose other end the test holds. */
class Wire {
  static opened: Wire[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  constructor(readonly url: string) {
    Wire.opened.push(this);
  }
  close() {
    this.closed = true;
  }
  says(message: unknown) {
    act(() => this.onmessage?.({ data: JSON.stringify(message) }));
  }
  breaks() {
    act(() => this.onclose?.());
  }
}

beforeEach(() => {
  Wire.opened = [];
  vi.stubGlobal("WebSocket", Wire);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function onShift() {
  sessionStorage.setItem("lull.desk-session", "ses_1");
  vi.spyOn(client, "desk").mockResolvedValue(DESK);
  const { result } = renderHook(() => useDesk());
  await waitFor(() => expect(result.current.state.at).toBe("on_shift"));
  return result;
}

test("a reload goes on with the shift that this tab began", async () => {
  await onShift();
  expect(Wire.opened).toHaveLength(1);
  expect(Wire.opened[0]?.url).toMatch(/^ws:.*session=ses_1$/);
});

test("a lost connection is told, and opened again", async () => {
  const result = await onShift();
  Wire.opened[0]?.breaks();
  expect(result.current.state).toMatchObject({ at: "on_shift", lostSince: expect.any(Number) as number });
  await act(() => vi.advanceTimersByTimeAsync(700));
  expect(Wire.opened).toHaveLength(2);
  Wire.opened[1]?.says({ type: "desk", ...DESK });
  expect(result.current.state).toMatchObject({ at: "on_shift", lostSince: null });
});

test("a desk that a newer sign-in replaced says so and opens no socket any more", async () => {
  const result = await onShift();
  Wire.opened[0]?.says({ type: "replaced" });
  await waitFor(() => expect(result.current.state.at).toBe("replaced"));
  expect(Wire.opened[0]?.closed).toBe(true);
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(Wire.opened).toHaveLength(1);
  expect(sessionStorage.getItem("lull.desk-session")).toBeNull();
});

test("after a restart of the service, when nobody is on shift, the shift is begun anew", async () => {
  const result = await onShift();
  vi.mocked(client.desk).mockResolvedValue(NOBODY);
  Wire.opened[0]?.says({ type: "replaced" });
  await waitFor(() => expect(result.current.state).toEqual({ at: "signed_out", elsewhere: false }));
});

test("signing in keeps the session for a reload, signing out forgets it", async () => {
  vi.spyOn(client, "desk").mockResolvedValue(NOBODY);
  vi.spyOn(client, "deskSignIn").mockResolvedValue({ session: "ses_2", desk: DESK });
  vi.spyOn(client, "deskAct").mockResolvedValue(undefined as never);
  const { result } = renderHook(() => useDesk());
  await waitFor(() => expect(result.current.state.at).toBe("signed_out"));
  await act(() => result.current.signIn(["blend"]));
  expect(sessionStorage.getItem("lull.desk-session")).toBe("ses_2");
  await act(() => result.current.act({ action: "sign_out" }));
  expect(result.current.state.at).toBe("signed_out");
  expect(sessionStorage.getItem("lull.desk-session")).toBeNull();
});
