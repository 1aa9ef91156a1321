import { fireEvent, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import { Problem } from "../api/problem";
import type { RecordingView, Role } from "../api/types";
import { show, someone } from "../test/show";
import { Recording } from "./Recording";

const WHOLE: RecordingView = { recorded: "yes", state: "whole", reason: null, length_ms: 65_000 };

function shown(recording: RecordingView | null, role: Role = "manager") {
  vi.spyOn(client, "me").mockResolvedValue(someone(role));
  return show(<Recording call="att_0000000000005" recording={recording} />);
}

test("a recording is fetched when somebody asks for it, and not before", async () => {
  shown(WHOLE);
  const listen = await screen.findByTestId("listen");
  expect(listen.textContent).toBe("1:05");
  expect(screen.queryByTestId("player")).toBeNull();
  fireEvent.click(listen);
  const player = screen.getByTestId("player");
  expect(player.getAttribute("src")).toBe("/api/v1/recordings/att_0000000000005/audio");
  expect(player.hasAttribute("controls")).toBe(true);
});

/** Somebody listens, the player fails, and the service says this when it is asked why. */
async function failed(answer: () => Promise<string>) {
  vi.spyOn(client, "askForAudio").mockImplementation(answer);
  shown(WHOLE);
  fireEvent.click(await screen.findByTestId("listen"));
  fireEvent.error(screen.getByTestId("player"));
  return screen.findByTestId("no-recording");
}

const refused = (status: number, code: string) => () => Promise.reject(new Problem(status, { code }, null));

test.each([
  [404, "no_recording", "There is no recording of this call."],
  [410, "recording_removed", "The recording was removed."],
  [410, "recording_lost", "The recording is missing: its file is gone."],
  [401, "not_logged_in", "You are no longer logged in"],
  [403, "forbidden", "Your role may not do this"],
])("what cannot be heard is told as what it is: %i %s", async (status, code, text) => {
  const told = await failed(refused(status, code));
  expect(told.textContent).toBe(text);
  expect(told.dataset["code"]).toBe(code);
  expect(screen.queryByTestId("player")).toBeNull();
  expect(screen.queryByTestId("listen-again")).toBeNull();
});

test.each([
  [refused(0, "unreachable"), "The service cannot be reached. Check the network, then try again."],
  [refused(503, "unavailable"), "Not available now. Nothing was changed; try again"],
  [() => Promise.resolve("R"), "Playing broke off."],
])("what may be better the next time can be tried again: %#", async (answer, text) => {
  const told = await failed(answer);
  expect(told.textContent).toBe(text);
  fireEvent.click(screen.getByTestId("listen-again"));
  expect(screen.getByTestId("player")).toBeTruthy();
  expect(screen.queryByTestId("no-recording")).toBeNull();
});

test("one that was cut off is heard too, and says why it ends", async () => {
  shown({ ...WHOLE, state: "cut_off", reason: "crash" });
  await screen.findByTestId("listen");
  expect(screen.getByText(/cut off/i).textContent).toContain("service ended");
});

test("where there is none, the reason stands", () => {
  shown({ recorded: "missing", state: "none", reason: "disk_full", length_ms: null });
  expect(screen.getByTestId("no-recording").textContent).toContain("disk");
  expect(screen.queryByTestId("listen")).toBeNull();
});

test("a file that is gone is told as missing, and what was removed as removed", () => {
  const { unmount } = shown({ ...WHOLE, recorded: "missing" });
  expect(screen.getByTestId("no-recording").textContent).toContain("missing");
  unmount();
  shown({ recorded: "no", state: "removed", reason: "retention", length_ms: 9_000 });
  expect(screen.getByTestId("no-recording").textContent).toContain("emoved");
});

test("marketing reads that there is one and gets no button", async () => {
  shown(WHOLE, "marketing");
  expect((await screen.findByText(/1:05/)).textContent).toContain("Recorded");
  expect(screen.queryByTestId("listen")).toBeNull();
});

test("a call that reached no agent has nothing to say", () => {
  shown(null);
  expect(screen.queryByTestId("no-recording")).toBeNull();
  expect(screen.queryByTestId("listen")).toBeNull();
});
