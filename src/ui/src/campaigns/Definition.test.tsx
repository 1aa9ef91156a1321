import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Campaign } from "../api/types";
import { CAMPAIGN, show } from "../test/show";
import { Definition } from "./Definition";

const defined = (more: Partial<Campaign>) => show(<Definition campaign={{ ...CAMPAIGN.campaign, ...more }} profile={null} />);

test("which leads are dialled, and in which order, is said in words", () => {
  defined({
    leads: {
      order: "score",
      again: "first",
      only: [
        { column: "city", is: ["上海", "北京"], not: [], at_least: null, at_most: null },
        { column: "priority", is: [], not: [], at_least: 50, at_most: 80 },
      ],
      after_reply: ["Spring"],
      mix: [],
    },
  });
  const said = screen.getByTestId("selection").textContent;
  for (const part of ["the highest score first", "before fresh ones", "is 上海, 北京", "Priority", "at least 50; at most 80", "Only after a replySpring"]) {
    expect(said).toContain(part);
  }
});

test("a mix says its shares instead of an order", () => {
  defined({ leads: { order: "oldest", again: "last", only: [], after_reply: [], mix: [{ list: "Spring, web", share: 3 }] } });
  expect(screen.getByTestId("selection").textContent).toContain("in shares: Spring, web 3; others 1");
});

test("several numbers have an order, a time and hours of their kinds", () => {
  const closed = CAMPAIGN.campaign.hours.days.map(() => []);
  defined({ numbers: { next_after_s: 120, order: ["mobile", "work"], hours: { work: { ...CAMPAIGN.campaign.hours, days: closed } } } });
  const said = screen.getByTestId("numbers").textContent;
  for (const part of ["mobile, work", "2 min", "closed"]) expect(said).toContain(part);
});

test("a campaign with the usual rules says nothing of them", () => {
  defined({});
  expect(screen.queryByTestId("selection")).toBeNull();
  expect(screen.queryByTestId("numbers")).toBeNull();
});
