import { screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { decisions } from "../api/client";
import type { Decision } from "../api/types";
import { show } from "../test/show";
import { seriesOf } from "./decisionSeries";
import { Decisions } from "./Decisions";

vi.mock("../api/client", () => ({ decisions: vi.fn() }));

const ONE: Decision = {
  campaign: "spring-offer",
  at: 1795318461000,
  placed: 3,
  limit: "price",
  idle: 4,
  idle_with_slot: 2,
  slots: 5,
  pending: 6,
  abandons_left: 1,
  refusals: { outside_window: 2 },
  forecast: { agents_free: 1.25, answers_expected: 2.5, answer_share: 0.2, abandon_chance: 0.031, abandon_price: 40, caller_price: 1, more: 3 },
};

test("each decision is told in words, with its forecast and the leads that were refused", async () => {
  vi.mocked(decisions).mockResolvedValue({ items: [ONE, { ...ONE, at: ONE.at - 1000, limit: "gate_closed", forecast: null }], next_cursor: null });
  show(<Decisions campaign="spring-offer" />);
  await waitFor(() => screen.getByTestId("decision-table"));
  const table = screen.getByTestId("decision-table").textContent ?? "";
  expect(table).toContain("One more dial is worth less than it may cost");
  expect(table).toContain("The customer's calling hours are closed. (2)");
  expect(table).toContain("2.5 answers, 3.1 % to find nobody, price 40");
  expect(table).toContain("The idle gate is closed");
  expect(screen.getByTestId("decision-chart").dataset.points).toBe("2");
  expect(screen.queryByTestId("decision-more")).toBeNull();
});

test("without a decision the page says what to expect", async () => {
  vi.mocked(decisions).mockResolvedValue({ items: [], next_cursor: null });
  show(<Decisions campaign="spring-offer" />);
  await waitFor(() => screen.getByTestId("empty"));
  expect(screen.getByTestId("empty").textContent).toContain("once it runs");
});

test("the chart goes from old to new and leaves out forecasts that were not made", () => {
  const older = { ...ONE, at: ONE.at - 5000, forecast: null, placed: 1 };
  const series = seriesOf([ONE, older]);
  expect(series.at).toEqual([older.at / 1000, ONE.at / 1000]);
  expect(series.placed).toEqual([1, 3]);
  expect(series.answers).toEqual([null, 2.5]);
});
