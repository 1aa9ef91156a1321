import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { LimitView } from "../api/types";
import { show } from "../test/show";
import { LimitTable } from "./LimitTable";
import { limitsOf } from "./limits";

const LIMITS: LimitView[] = [
  { limit: "lines_max", in_force: 4, defined: null, max: null, set: true, changed_by: "liu", changed_at: 1_764_000_000_000 },
  { limit: "dials_per_day_max", in_force: null, defined: null, max: null, set: false, changed_by: null, changed_at: null },
  { limit: "abandon_rate_max", in_force: 0.03, defined: 0.03, max: 0.03, set: false, changed_by: null, changed_at: null },
];

test("each limit says what holds and who set it, and goes back with a click", async () => {
  vi.spyOn(client, "campaignLimits").mockResolvedValue(LIMITS);
  const sent = vi.spyOn(client, "changeLimits").mockResolvedValue(undefined as never);
  show(<LimitTable campaign="spring" />);
  const row = await screen.findByTestId("limit-row-lines_max");
  expect(row.textContent).toContain("4");
  expect(row.textContent).toContain("set by hand");
  expect(row.textContent).toContain("liu");
  expect(screen.getByTestId("limit-row-dials_per_day_max").textContent).toContain("no limit");
  expect(screen.queryByTestId("limit-back-abandon_rate_max")).toBeNull();
  fireEvent.click(screen.getByTestId("limit-back-lines_max"));
  await waitFor(() => expect(sent).toHaveBeenCalledWith("spring", { to_definition: ["lines_max"] }));
});

test("only what was typed is sent, after it was said what will change", async () => {
  vi.spyOn(client, "campaignLimits").mockResolvedValue(LIMITS);
  const sent = vi.spyOn(client, "changeLimits").mockResolvedValue(undefined as never);
  show(<LimitTable campaign="spring" />);
  fireEvent.click(await screen.findByTestId("limits-adjust"));
  expect(screen.getByTestId("limit-apply").hasAttribute("disabled")).toBe(true);
  fireEvent.change(screen.getByTestId("limit-abandon_rate_max"), { target: { value: "1.5" } });
  expect(screen.getByTestId("limit-changes").textContent).toContain("3 % → 1.5 %");
  fireEvent.click(screen.getByTestId("limit-apply"));
  await waitFor(() => expect(sent).toHaveBeenCalledWith("spring", { abandon_rate_max: 0.015 }));
});

test("what is out of range is not sent, and an empty field stays as it is", () => {
  const { change, wrong, differences } = limitsOf(LIMITS, { lines_max: "2.5", dials_per_day_max: "", abandon_rate_max: "4" });
  expect([change, wrong, differences]).toEqual([{}, ["lines_max", "abandon_rate_max"], []]);
  expect(limitsOf(LIMITS, { lines_max: "0", dials_per_day_max: "900", abandon_rate_max: "3" }).change).toEqual({ lines_max: 0, dials_per_day_max: 900 });
});
