import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { CallbackView } from "../api/types";
import { show } from "../test/show";
import { CallbacksPage } from "./CallbacksPage";
import { zoneOf } from "./ChangeCallbacks";

const NOW = Date.UTC(2026, 10, 23, 3);
const LATE: CallbackView = {
  lead: "lead_0000000000001",
  campaign: "spring",
  campaign_title: "Spring",
  number: "+8613800138000",
  name: "Ms Sun",
  zones: ["Asia/Shanghai"],
  at: NOW - 3600_000,
  due_at: NOW - 3600_000,
  state: "overdue",
  late_ms: 3600_000,
  agent: "mei",
  agent_name: "Mei Lin",
  result: "later",
  note: "after lunch",
  said_at: NOW - 7200_000,
  said_by: "Mei Lin",
};
const COMING: CallbackView = { ...LATE, lead: "lead_0000000000002", name: "Mr Bo", at: NOW + 3600_000, state: "coming", late_ms: 0, agent: null, agent_name: null };

function showPage() {
  vi.spyOn(client, "serviceNow").mockReturnValue(NOW);
  vi.spyOn(client, "users").mockResolvedValue([]);
  vi.spyOn(client, "campaigns").mockResolvedValue([]);
  vi.spyOn(client, "callbacks").mockResolvedValue({ items: [LATE, COMING], next_cursor: null });
  show(<CallbacksPage />);
}

test("a late call says how late it is, whose it is and what was said", async () => {
  showPage();
  const row = await screen.findByTestId(`callback-${LATE.lead}`);
  expect(row.getAttribute("data-state")).toBe("overdue");
  expect(row.textContent).toContain("late by 1:00:00");
  expect(row.textContent).toContain("Mei Lin");
  expect(row.textContent).toContain("after lunch");
  expect(screen.getByTestId(`callback-${COMING.lead}`).textContent).toContain("The team");
});

test("several are cancelled at once, with a reason, for the time that was seen", async () => {
  showPage();
  const change = vi.spyOn(client, "changeCallbacks").mockResolvedValue({ changed: 2, refused: [] });
  await screen.findByTestId("callback-table");
  fireEvent.click(screen.getByTestId("callbacks-choose-all"));
  fireEvent.click(screen.getByTestId("callbacks-cancel"));
  expect((screen.getByTestId("callbacks-apply") as HTMLButtonElement).disabled).toBe(true);
  fireEvent.change(screen.getByTestId("callbacks-why"), { target: { value: " they wrote " } });
  fireEvent.click(screen.getByTestId("callbacks-apply"));
  await waitFor(() => expect(change).toHaveBeenCalledOnce());
  expect(change).toHaveBeenCalledWith(
    [
      { lead: LATE.lead, at: LATE.at },
      { lead: COMING.lead, at: COMING.at },
    ],
    { do: "cancel", why: "they wrote", back_to_list: false },
  );
  await waitFor(() => expect(screen.queryByTestId("callbacks-chosen")).toBeNull());
});

test("what could not be moved is named, nothing typed is lost, and one click takes the next allowed time", async () => {
  showPage();
  const next = Date.UTC(2026, 10, 24, 1);
  vi.spyOn(client, "changeCallbacks").mockResolvedValue({
    changed: 0,
    refused: [{ lead: LATE.lead, code: "callback_outside_window", detail: "not then", next }],
  });
  await screen.findByTestId("callback-table");
  fireEvent.click(screen.getByLabelText("Choose Ms Sun"));
  fireEvent.click(screen.getByTestId("callbacks-move"));
  const at = () => (screen.getByTestId("callbacks-at") as HTMLInputElement).value;
  fireEvent.change(screen.getByTestId("callbacks-at"), { target: { value: "2026-11-23T23:30" } });
  fireEvent.click(screen.getByTestId("callbacks-apply"));
  expect((await screen.findByTestId("callbacks-refused")).textContent).toContain("Ms Sun: the customer may not be called at that time");
  expect(at()).toBe("2026-11-23T23:30");
  fireEvent.click(screen.getByTestId("callbacks-take-next"));
  expect(at()).toBe("2026-11-24T09:00");
});

test("a time is typed in the customers' zone only where it is one", () => {
  expect(zoneOf([LATE, COMING])).toBe("Asia/Shanghai");
  expect(zoneOf([LATE, { zones: ["Europe/Berlin"] }])).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone);
});
