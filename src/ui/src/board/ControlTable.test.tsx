import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { ControlView } from "../api/types";
import { LiveControls } from "../campaigns/LiveControls";
import { CAMPAIGN, show } from "../test/show";
import { ControlTable } from "./ControlTable";

const RESERVE: ControlView = { control: "reserve", in_force: 3, configured: 1, set: true, changed_by: "boss", changed_at: Date.UTC(2026, 10, 23) };
const THRESHOLD: ControlView = { control: "idle_threshold", in_force: "auto", configured: "auto", set: false, changed_by: null, changed_at: null };

function answerGroup() {
  vi.spyOn(client, "group").mockResolvedValue({ group: "blend", settings: null, view: null, controls: [THRESHOLD, RESERVE] } as never);
}

test("a control says what is in force, what is configured and who set it, and goes back on a click", async () => {
  answerGroup();
  const change = vi.spyOn(client, "changeGroup").mockResolvedValue(undefined as never);
  show(<ControlTable group="blend" />);
  const row = await screen.findByTestId("control-row-reserve");
  expect(row.textContent).toMatch(/Reserve3.*set by hand1boss/);
  expect(screen.getByTestId("control-row-idle_threshold").textContent).toContain("steered by service level");
  expect(screen.queryByTestId("control-back-idle_threshold")).toBeNull();
  fireEvent.click(screen.getByTestId("control-back-reserve"));
  await waitFor(() => expect(change).toHaveBeenCalledWith("blend", { to_configuration: ["reserve"] }));
});

test("changes of the campaign and of its group are told together, latest first", async () => {
  answerGroup();
  vi.spyOn(client, "campaignChanges").mockResolvedValue([
    { id: "1", at: 1000, by: "mei", what: "campaign_state", controls: {}, detail: "ready to running: " },
  ] as never);
  vi.spyOn(client, "groupChanges").mockResolvedValue([
    { id: "2", at: 2000, by: "boss", what: "group_controls", controls: { reserve: 3, dwell_s: null }, detail: "" },
  ] as never);
  show(<LiveControls detail={CAMPAIGN} view={null} />);
  const rows = (await screen.findByTestId("changes")).querySelectorAll("tr");
  expect(rows[0]?.textContent).toContain("Dwell: back to configuration, Reserve: 3");
  expect(rows[1]?.textContent).toContain("mei");
  expect(screen.getByTestId("state-changed").textContent).toContain("mei");
});
