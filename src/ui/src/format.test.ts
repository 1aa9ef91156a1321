import { describe, expect, test } from "vitest";
import { clock, duration, localTime, minuteOfDay, percent, phone, seconds, share } from "./format";

describe("spans and shares", () => {
  test("are written as people read them", () => {
    expect([0, 7_400, 754_000, 3_723_000, -5].map(duration)).toEqual(["0:00", "0:07", "12:34", "1:02:03", "0:00"]);
    expect(percent(0.0324, 1)).toBe("3.2 %");
    expect(percent(1)).toBe("100 %");
    expect(seconds(3_420)).toBe("3.4 s");
    expect(minuteOfDay(570)).toBe("09:30");
    expect(minuteOfDay(1440)).toBe("24:00");
  });

  test("that do not exist yet are a dash, never zero", () => {
    expect(percent(null)).toBe("–");
    expect(seconds(null)).toBe("–");
    expect(share(0, 0)).toBeNull();
  });
});

describe("phone numbers", () => {
  test("are grouped behind their country code", () => {
    expect(phone("+8613800138000")).toBe("+86 138 0013 8000");
    expect(phone("+12025550123")).toBe("+1 20 2555 0123");
    expect(phone("+442079460123")).toBe("+44 20 7946 0123");
    expect(phone("+35312345678")).toBe("+353 1234 5678");
  });

  test("that are masked stay masked", () => {
    expect(phone("+86138****8000")).toBe("+86 138 **** 8000");
  });

  test("that are none are shown as they came", () => {
    expect(phone("anonymous")).toBe("anonymous");
    expect(phone(null)).toBe("–");
  });
});

describe("moments", () => {
  const at = Date.UTC(2026, 10, 22, 4, 0, 0);

  test("carry their zone", () => {
    expect(localTime(at, "en", "Asia/Shanghai")).toMatch(/Sun.*12:00.*(GMT\+8|CST)/);
    expect(clock(at, "en", "Europe/London")).toMatch(/04:00:00.*(GMT|UTC)/);
  });

  test("in a zone the browser does not know are told in UTC", () => {
    expect(localTime(at, "en", "Nowhere/Here")).toMatch(/04:00.*UTC/);
  });
});
