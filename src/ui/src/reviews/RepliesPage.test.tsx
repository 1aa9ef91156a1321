import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import { Problem } from "../api/problem";
import type { ReviewRow } from "../api/types";
import { show } from "../test/show";
import { RepliesPage } from "./RepliesPage";

const FREE: ReviewRow = {
  message: "msg_0000000000001",
  number: "+8613800138000",
  text: "是的，请晚上打",
  meaning: "other",
  campaign: "spring",
  answers: "回复1",
  created_at: Date.UTC(2026, 10, 23, 3),
  suggestion: { decision: "interested", because: "near", word: "是" },
} as ReviewRow;
const HELD: ReviewRow = { ...FREE, message: "msg_0000000000002", text: "别再打了", meaning: "perhaps_opt_out", suggestion: null } as ReviewRow;

function showPage() {
  const waiting = [FREE, HELD];
  vi.spyOn(client, "campaigns").mockResolvedValue([]);
  vi.spyOn(client, "reviews").mockImplementation(() => Promise.resolve({ items: [...waiting], waiting: waiting.length, next: null }));
  show(<RepliesPage />);
  return waiting;
}

test("one key decides what the first message means, and the next one follows", async () => {
  const waiting = showPage();
  const decide = vi.spyOn(client, "decideReview").mockImplementation(() => {
    waiting.shift();
    return Promise.resolve({ registered: "new" as const, suppressed: false });
  });
  const list = await screen.findByTestId("review-list");
  expect(screen.getByTestId(`review-${FREE.message}`).getAttribute("aria-selected")).toBe("true");
  expect(screen.getByTestId("suggestion").textContent).toContain("是");
  fireEvent.keyDown(list, { key: "y" });
  await waitFor(() => expect(decide).toHaveBeenCalledWith(FREE.message, "interested", "spring"));
  await waitFor(() => expect(screen.queryByTestId(`review-${FREE.message}`)).toBeNull());
  expect(screen.getByTestId(`review-${HELD.message}`).getAttribute("aria-selected")).toBe("true");
  fireEvent.keyDown(screen.getByTestId("review-list"), { key: "o" });
  await waitFor(() => expect(decide).toHaveBeenLastCalledWith(HELD.message, "opt_out", "spring"));
});

test("keys with Ctrl and other keys decide nothing, and arrows choose another message", async () => {
  showPage();
  const decide = vi.spyOn(client, "decideReview").mockResolvedValue({ registered: null, suppressed: false });
  const list = await screen.findByTestId("review-list");
  fireEvent.keyDown(list, { key: "y", ctrlKey: true });
  fireEvent.keyDown(list, { key: "q" });
  expect(decide).not.toHaveBeenCalled();
  fireEvent.keyDown(list, { key: "ArrowDown" });
  fireEvent.click(screen.getByTestId("decide-other"));
  await waitFor(() => expect(decide).toHaveBeenCalledWith(HELD.message, "other", "spring"));
});

test("who comes second is told who decided", async () => {
  showPage();
  const taken = new Problem(409, { code: "conflict", detail: "mei decided that it means `opt_out`" }, null);
  vi.spyOn(client, "decideReview").mockRejectedValue(taken);
  fireEvent.keyDown(await screen.findByTestId("review-list"), { key: "n" });
  expect((await screen.findByTestId("problem")).textContent).toContain("mei decided");
});
