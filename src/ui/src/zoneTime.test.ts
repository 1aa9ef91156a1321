import { expect, test } from "vitest";
import { fromZoned, knowsZone, toZoned } from "./zoneTime";

test("a time in the customer's zone becomes the moment its clock shows it", () => {
  expect(fromZoned("2026-11-22T15:30", "Asia/Shanghai")).toBe(Date.UTC(2026, 10, 22, 7, 30));
  expect(fromZoned("2026-07-01T09:00", "America/New_York")).toBe(Date.UTC(2026, 6, 1, 13, 0));
});

test("what is written can be read back, in summer and in winter", () => {
  for (const zone of ["Asia/Shanghai", "America/New_York", "Europe/London", "Asia/Kolkata"]) {
    for (const month of [0, 3, 6, 9]) {
      const at = Date.UTC(2026, month, 15, 10, 45);
      expect(fromZoned(toZoned(at, zone), zone)).toBe(at);
    }
  }
});

test("a time that the spring change skips lies behind the gap", () => {
  // New York, 8 March 2026: 02:00 to 03:00 does not exist.
  expect(fromZoned("2026-03-08T02:30", "America/New_York")).toBe(Date.UTC(2026, 2, 8, 7, 30));
});

test("of a time that occurs twice in autumn the first is taken", () => {
  // New York, 1 November 2026: 01:30 occurs at 05:30 and at 06:30 UTC.
  expect(fromZoned("2026-11-01T01:30", "America/New_York")).toBe(Date.UTC(2026, 10, 1, 5, 30));
});

test("a text that is no time is none, and an unknown zone is known to be unknown", () => {
  expect(fromZoned("", "UTC")).toBeNull();
  expect(fromZoned("tomorrow", "UTC")).toBeNull();
  expect(knowsZone("Nowhere/Here")).toBe(false);
});
