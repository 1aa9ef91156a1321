import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { show, SNAPSHOT } from "../test/show";
import { AbandonRate } from "./CampaignCard";

test("the window of a law is told beside today, and today not twice", () => {
  const campaign = SNAPSHOT.campaigns[0];
  if (!campaign) throw new Error("the picture has a campaign");
  const account = { abandoned: 6, whole: 200, rate: 0.03, left: 0 };
  const windows = [
    { ...account, window: "day" as const },
    { ...account, window: "rolling_30_days" as const },
  ];
  show(<AbandonRate view={{ ...campaign, abandon_windows: windows }} />);
  expect(screen.getByText("Last 30 days: 3.0 %, 0 more may be abandoned")).toBeTruthy();
  expect(screen.queryByText(/Each day/)).toBeNull();
});
