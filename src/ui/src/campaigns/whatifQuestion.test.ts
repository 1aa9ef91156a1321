import { expect, test } from "vitest";
import { changesTyped, linkOf, typedFromLink } from "./whatifQuestion";

test("shares are typed in per cent and sent from 0 to 1, words go as they are", () => {
  expect(changesTyped({ idle_threshold: "20", reserve: "2", pacing: "ratio", abandon_rate_max: " 2.5 " })).toEqual({
    idle_threshold: "0.2",
    reserve: "2",
    pacing: "ratio",
    abandon_rate_max: "0.025",
  });
  expect(changesTyped({ idle_threshold: "auto", reserve: " " })).toEqual({ idle_threshold: "auto" });
});

test("a link fills in what it asks for and nothing that is no field", () => {
  const link = new URLSearchParams(linkOf({ idle_threshold: "0.35", reserve: "3" }));
  expect(link.get("tab")).toBe("whatif");
  expect(typedFromLink([...link.getAll("set"), "password=x", "pacing"])).toEqual({ idle_threshold: "35", reserve: "3" });
});
