import { expect, test } from "vitest";
import { addressOf, behindOf } from "./behind";

test("an address gives back what it was made from", () => {
  const behind = { from: 1_700_000_000_000, to: 1_700_086_400_000, result: "", list: "lst_1", stage: "accepted" as const };
  expect(behindOf(new URLSearchParams(addressOf(behind)))).toEqual(behind);
});

test("what an address says that nobody knows is left out", () => {
  expect(behindOf(new URLSearchParams("tab=attempts&from=soon&stage=rich&agent=usr_1"))).toEqual({ agent: "usr_1" });
});
