import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { show } from "../test/show";
import { StateWhy } from "./StateWhy";

test.each([
  ["recording_disk_full", "Paused because there was no room for a recording. Make room, then start it again."],
  ["recording_disk", "Paused because a recording could not be written. See to the disk, then start it again."],
  ["lunch", "lunch"],
])("a campaign that was paused for %s says so", (why, text) => {
  show(<StateWhy state="paused" why={why} />);
  expect(screen.getByTestId("state-why").textContent).toBe(text);
});

test("one that runs, and one that was paused without a reason, say nothing", () => {
  show(<StateWhy state="running" why="recording_disk" />);
  show(<StateWhy state="paused" why="" />);
  expect(screen.queryByTestId("state-why")).toBeNull();
});
