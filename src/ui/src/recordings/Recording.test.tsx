import { fireEvent, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
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
  fireEvent.error(player);
  expect(screen.getByTestId("no-recording").textContent).toContain("missing");
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
