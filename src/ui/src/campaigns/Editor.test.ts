import { expect, test } from "vitest";
import { offsetOf } from "./Editor";

test("a place in the text is found by line and column in characters", () => {
  const text = 'title = "活动"\n📞 = 1\nlast';
  expect(text.slice(offsetOf(text, 1, 10))).toMatch(/^活动/);
  expect(text.slice(offsetOf(text, 2, 3))).toMatch(/^= 1/);
  expect(offsetOf(text, 9, 1)).toBe(text.length);
});
