import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import * as client from "../api/client";
import { FUNNEL_STAGES, type FunnelView } from "../api/types";
import { show, someone } from "../test/show";
import { Funnel } from "./Funnel";

const COUNTS = [100, 90, 80, 30, 20, 25, 20, 15, 5, 4];

function funnel(leads: number[]): FunnelView {
  const stages = FUNNEL_STAGES.map((stage, place) => ({
    stage,
    leads: leads[place] ?? 0,
    of_previous: place === 0 || !leads[place - 1] ? null : (leads[place] ?? 0) / (leads[place - 1] ?? 1),
    within_previous: ["sent", "received", "answered", "connected"].includes(stage),
  }));
  return {
    campaign: "spring",
    at: 1_795_318_496_000,
    zone: "Asia/Shanghai",
    by: "variant",
    stages,
    parts: [{ key: "may/a", title: null, leads }, { key: "", title: null, leads: leads.map(() => 0) }],
    speed: [{ within_minutes: 5, leads: 10, accepted: 4 }, { within_minutes: null, leads: 2, accepted: 0 }],
    lost: 1,
    net_conversion: 4 / 15,
    currency: "CNY",
    delivered_orders: 4,
    delivered_value: 400,
    costs: {
      prices: { per_sms: 0.05, per_dial: 0, per_talk_minute: 0, per_delivery: 8, fixed: 0 },
      used: { sms: 90, dials: 25, talk_ms: 600_000, deliveries: 5 },
      total: 44.5,
      per_delivered_order: 11.125,
    },
  };
}

beforeEach(() => {
  vi.spyOn(client, "funnel").mockResolvedValue(funnel(COUNTS));
  vi.spyOn(client, "funnelLeads").mockResolvedValue({
    items: [{ lead: "lead_0000000000001", number: "+8613800138000", name: "Ms Sun", state: "done" }],
    next_cursor: null,
  });
});

test("a count of a part lists its people, and a share of people who were not there is told apart", async () => {
  show(<Funnel campaign="spring" me={someone("manager")} />);
  const stages = await screen.findByTestId("funnel-stages");
  expect(within(stages).getByText("90.0 % of those before")).toBeTruthy();
  expect(within(stages).getByText("37.5 %, beside those before")).toBeTruthy();
  const part = screen.getByTestId("part-may/a");
  fireEvent.click(within(part).getByText("25"));
  await screen.findByText("Ms Sun");
  expect(client.funnelLeads).toHaveBeenCalledWith("spring", "dialled", { by: "", part: "may/a" });
  expect(screen.getByTestId("funnel-costs").textContent).toContain("11.13");
  expect(screen.getByTestId("funnel-speed").textContent).toContain("40.0 %");
});

test("another breakdown is asked for by its word or by a column's name", async () => {
  show(<Funnel campaign="spring" me={someone("manager")} />);
  const by = await screen.findByTestId("funnel-by");
  fireEvent.change(by, { target: { value: "Channel" } });
  fireEvent.keyDown(by, { key: "Enter" });
  await waitFor(() => expect(client.funnel).toHaveBeenCalledWith("spring", "channel"));
  fireEvent.change(by, { target: { value: "城市" } });
  fireEvent.blur(by);
  await waitFor(() => expect(client.funnel).toHaveBeenCalledWith("spring", "城市"));
});

test("before anybody came this way the page says how people come here", async () => {
  vi.spyOn(client, "funnel").mockResolvedValue(funnel(COUNTS.map(() => 0)));
  show(<Funnel campaign="spring" me={someone("manager")} />);
  expect((await screen.findByTestId("empty")).textContent).toContain("audience");
});
