import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import { Problem } from "../api/problem";
import { show } from "../test/show";
import { StateButtons } from "./StateButtons";

test("starting asks first, and the question names the campaign", async () => {
  const sent = vi.spyOn(client, "setCampaignState").mockResolvedValue(undefined as never);
  show(<StateButtons campaign="win-back" title="Win back" state="ready" />);
  fireEvent.click(screen.getByTestId("start-win-back"));
  expect(screen.getByRole("dialog").textContent).toContain("Start Win back?");
  expect(sent).not.toHaveBeenCalled();
  fireEvent.click(screen.getByTestId("confirm-state"));
  await waitFor(() => expect(sent).toHaveBeenCalledWith("win-back", "running"));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
});

test("a refusal is shown where the question was asked", async () => {
  vi.spyOn(client, "setCampaignState").mockRejectedValue(new Problem(409, { code: "campaign_ended", detail: "it has ended" }, null));
  show(<StateButtons campaign="win-back" title="Win back" state="running" />);
  fireEvent.click(screen.getByTestId("pause-win-back"));
  fireEvent.click(screen.getByTestId("confirm-state"));
  await waitFor(() => expect(screen.getByTestId("problem").dataset["code"]).toBe("campaign_ended"));
  expect(screen.getByRole("dialog").textContent).toContain("it has ended");
});

test("an ended campaign says how to start over", () => {
  show(<StateButtons campaign="win-back" title="Win back" state="ended" />);
  expect(screen.getByText(/Apply its text again/)).toBeTruthy();
});
