import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { FoundResult } from "../api/types";
import { CAMPAIGN, show } from "../test/show";
import { Marked, Search } from "./Search";

const FOUND: FoundResult = {
  call: { direction: "outbound", id: "att_0000000000001" },
  lead: "lead_0000000000001",
  number: "+8613800138000",
  name: "Ms Sun",
  at: Date.UTC(2026, 10, 23),
  agent: "mei",
  result: "later",
  disposition: "callback",
  note: "Moves in May, call in may",
  answers: {},
  in_note: true,
  in_answers: [],
  recording: null,
};

test("what is found is marked, and a page that came to its bound says how far back it went", async () => {
  const search = vi
    .spyOn(client, "searchResults")
    .mockResolvedValueOnce({ items: [FOUND], looked_through: 20_000, back_to: Date.UTC(2026, 9, 1), next_cursor: "1.outbound.2.1" })
    .mockResolvedValueOnce({ items: [], looked_through: 5, back_to: null, next_cursor: null });
  show(<Search campaign={CAMPAIGN.campaign} />);
  expect((screen.getByTestId("search-do") as HTMLButtonElement).disabled).toBe(true);
  fireEvent.change(screen.getByTestId("search-text"), { target: { value: " may " } });
  fireEvent.click(screen.getByTestId("search-do"));
  const marked = await waitFor(() => screen.getByTestId("search-found").querySelectorAll("mark"));
  expect([...marked].map((one) => one.textContent)).toEqual(["May", "may"]);
  expect(screen.getByTestId("search-reach").textContent).toContain("20,000");
  fireEvent.click(screen.getByTestId("search-further"));
  await waitFor(() => expect(screen.queryByTestId("search-further")).toBeNull());
  expect(search).toHaveBeenLastCalledWith(CAMPAIGN.campaign.key, { text: "may", cursor: "1.outbound.2.1" });
  expect(screen.getByTestId("search-reach").textContent).toContain("20,005");
});

test("a text whose letters change their length is shown unmarked", () => {
  show(<p data-testid="text"><Marked whole="İstanbul" part="i" /></p>);
  expect(screen.getByTestId("text").textContent).toBe("İstanbul");
  expect(screen.getByTestId("text").querySelector("mark")).toBeNull();
});
