import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import * as client from "./api/client";
import { Problem } from "./api/problem";
import { Pages } from "./Pages";
import { show, someone } from "./test/show";

beforeEach(() => {
  vi.stubGlobal("EventSource", class {
    addEventListener() {}
    close() {}
  });
  vi.spyOn(client, "campaigns").mockResolvedValue([]);
});

test("whoever is not logged in sees the login and nothing else", async () => {
  vi.spyOn(client, "me").mockRejectedValue(new Problem(401, { code: "not_logged_in" }, null));
  show(<Pages />);
  await waitFor(() => screen.getByTestId("login-name"));
  expect(screen.queryByRole("navigation")).toBeNull();
});

test("marketing begins with the campaigns and is offered nothing it may not open", async () => {
  vi.spyOn(client, "me").mockResolvedValue(someone("marketing"));
  show(<Pages />);
  await waitFor(() => screen.getByTestId("campaigns"));
  expect(screen.queryByTestId("nav-suppressions")).toBeNull();
  expect(screen.queryByTestId("new-campaign")).toBeNull();
});

test("logging out leads back to the login and leaves nothing in the tab", async () => {
  vi.spyOn(client, "me").mockResolvedValue(someone("marketing"));
  vi.spyOn(client, "logout").mockResolvedValue(undefined as never);
  sessionStorage.setItem("lull.draft.att_1", "{}");
  show(<Pages />);
  await waitFor(() => screen.getByTestId("user-menu"));
  fireEvent.click(screen.getByTestId("user-menu"));
  fireEvent.click(await screen.findByTestId("sign-out"));
  await waitFor(() => screen.getByTestId("login-name"));
  expect(sessionStorage.length).toBe(0);
});
