import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { Problem } from "../api/problem";
import * as client from "../api/client";
import { show } from "../test/show";
import { Login } from "./Login";

function fill(name: string, password: string) {
  fireEvent.change(screen.getByTestId("login-name"), { target: { value: name } });
  fireEvent.change(screen.getByTestId("login-password"), { target: { value: password } });
  fireEvent.click(screen.getByTestId("login-submit"));
}

test("empty fields are named in place and nothing is sent", () => {
  const sent = vi.spyOn(client, "login");
  show(<Login />);
  fill("", "");
  expect(screen.getByText("Enter your login.")).toBeTruthy();
  expect(screen.getByText("Enter your password.")).toBeTruthy();
  expect(sent).not.toHaveBeenCalled();
});

test("a wrong password does not say which of the two was wrong", async () => {
  vi.spyOn(client, "login").mockRejectedValue(new Problem(401, { code: "bad_credentials" }, null));
  show(<Login />);
  fill("maria", "wrong");
  await waitFor(() => expect(screen.getByTestId("login-refused").textContent).toBe("Login or password is wrong."));
  expect((screen.getByTestId("login-name") as HTMLInputElement).value).toBe("maria");
});

test("too many tries are told with the seconds to wait", async () => {
  vi.spyOn(client, "login").mockRejectedValue(new Problem(429, { code: "throttled" }, 20));
  show(<Login />);
  fill("maria", "wrong");
  await waitFor(() => expect(screen.getByTestId("login-throttled").textContent).toContain("20 s"));
  expect((screen.getByTestId("login-submit") as HTMLButtonElement).disabled).toBe(true);
});
