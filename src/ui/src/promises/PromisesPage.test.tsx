import { screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { PromiseFigures, PromiseView } from "../api/types";
import { show } from "../test/show";
import { OwedAlert } from "./OwedAlert";
import { PromisesPage } from "./PromisesPage";

const NOW = Date.UTC(2026, 10, 23, 3);
const LATE: PromiseView = {
  id: "preg_0000000000001",
  lead: "lead_0000000000001",
  campaign: "spring",
  campaign_title: "Spring",
  number: "+8613800138000",
  name: "Ms Sun",
  zones: ["Asia/Shanghai"],
  channel: "sms",
  source: "sms msg_0000000000001",
  message: "msg_0000000000001",
  words: "请晚上打",
  asked_at: NOW - 3 * 3600_000,
  preferred_at: NOW - 2 * 3600_000,
  promised_until: NOW - 3600_000,
  escalated_at: NOW - 2 * 3600_000,
  state: "overdue",
  left_ms: -3600_000,
  due_at: null,
};
const SOON: PromiseView = { ...LATE, id: "preg_0000000000002", channel: "kiosk", preferred_at: null, promised_until: NOW + 600_000, state: "at_risk", left_ms: 600_000 };
const FIGURES: PromiseFigures = { asked: 4, new: 4, forward: 0, stays: 0, suppressed: 0, promised: 4, kept: 3, broken: 1, owed: 0, void: 0, talked_in_time: 2, dialled: 4, waited_s: 90, kept_share: 0.75 };

test("the longest overdue says how late it is and what the customer said, and the report adds up", async () => {
  vi.spyOn(client, "serviceNow").mockReturnValue(NOW);
  vi.spyOn(client, "campaigns").mockResolvedValue([]);
  vi.spyOn(client, "promises").mockResolvedValue({ items: [LATE, SOON], next_cursor: null });
  const part = { day: "2026-11-23", channel: "sms", ...FIGURES };
  vi.spyOn(client, "promiseReport").mockResolvedValue({ campaign: null, from: 0, to: NOW, total: FIGURES, parts: [part] });
  show(<PromisesPage />);
  const late = await screen.findByTestId(`promise-${LATE.id}`);
  expect(late.textContent).toContain("overdue by 1:00:00");
  expect(late.textContent).toContain("请晚上打");
  expect(late.textContent).toContain("SMS");
  expect(late.textContent).toContain("wishes to be called");
  const soon = screen.getByTestId(`promise-${SOON.id}`);
  expect(soon.textContent).toContain("at risk, 10:00 left");
  expect(soon.textContent).toContain("kiosk");
  expect((await screen.findByTestId("promise-total")).textContent).toContain("75.0");
});

test("the wallboard tells of promises at risk and is quiet without any", async () => {
  const counts = vi.spyOn(client, "promiseCounts").mockResolvedValue({ spring: { in_time: 5, at_risk: 2, overdue: 1 }, autumn: { in_time: 0, at_risk: 1, overdue: 0 } });
  show(<OwedAlert linked />);
  expect((await screen.findByTestId("promises-alert")).textContent).toContain("3 at risk, 1 overdue");
  counts.mockResolvedValue({});
});
