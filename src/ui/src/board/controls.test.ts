import { expect, test } from "vitest";
import { changesOf } from "./controls";

const BEFORE = { idle_threshold: 0.4, hysteresis: 0.1, dwell_s: 5, reserve: 1 };
const TYPED = { idle_threshold: 40, hysteresis: 10, dwell_s: 5, reserve: 1 };

test("only what differs is sent", () => {
  const { change, differences, wrong } = changesOf(BEFORE, { ...TYPED, idle_threshold: 55 });
  expect(change).toEqual({ idle_threshold: 0.55 });
  expect(differences).toEqual([{ field: "idle_threshold", from: "40 %", to: "55 %" }]);
  expect(wrong).toEqual([]);
});

test("an untouched form changes nothing", () => {
  expect(changesOf(BEFORE, TYPED).change).toEqual({});
});

test("what is out of range or no number is named and not sent", () => {
  const { change, wrong } = changesOf(BEFORE, { idle_threshold: 120, hysteresis: "", dwell_s: -1, reserve: 1.5 });
  expect(wrong).toEqual(["idle_threshold", "hysteresis", "dwell_s", "reserve"]);
  expect(change).toEqual({});
});
