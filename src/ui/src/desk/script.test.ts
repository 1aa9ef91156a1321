import { expect, test } from "vitest";
import { fillScript } from "./script";
import { resultOfKey } from "./outcomes";
import { DESK } from "../test/show";

test("fields are filled in, and those without a value stay visible", () => {
  expect(fillScript("Hello {name}, your {plan} ends {date}.", { name: "Ms Sun", plan: "Classic", date: "" })).toEqual([
    { text: "Hello ", kind: "plain" },
    { text: "Ms Sun", kind: "filled" },
    { text: ", your ", kind: "plain" },
    { text: "Classic", kind: "filled" },
    { text: " ends ", kind: "plain" },
    { text: "date", kind: "missing" },
    { text: ".", kind: "plain" },
  ]);
});

test("a script without fields is one piece", () => {
  expect(fillScript("Good day {}", {})).toEqual([{ text: "Good day {}", kind: "plain" }]);
});

test("Alt and a digit choose a result by the key's place; without Alt they type", () => {
  const results = DESK.campaign!.results;
  const key = { altKey: true, ctrlKey: false, metaKey: false, code: "Digit2" };
  expect(resultOfKey(key, results)?.key).toBe("thinks");
  expect(resultOfKey({ ...key, code: "Numpad1" }, results)?.key).toBe("took-it");
  expect(resultOfKey({ ...key, altKey: false }, results)).toBeNull();
  expect(resultOfKey({ ...key, ctrlKey: true }, results)).toBeNull();
  expect(resultOfKey({ ...key, code: "Digit9" }, results)).toBeNull();
});
