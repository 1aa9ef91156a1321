import { expect, test } from "vitest";
import type { BoardSample } from "../api/types";
import { SNAPSHOT } from "../test/show";
import { gateSpans, mergeHistory, sampleOf, SAMPLES_MAX, seriesOf, withSnapshot } from "./history";

function sample(at: number, open: boolean, idleness = 0.5): BoardSample {
  return {
    at,
    groups: {
      blend: {
        idleness,
        idle_threshold: 0.4,
        gate_open: open,
        slots: 0,
        staffed: 4,
        inbound_busy: 0,
        outbound_busy: 0,
        waiting: 0,
        ringing: 0,
      },
    },
  };
}

test("histories are merged in order of time, each moment once, the live sample before the fetched one", () => {
  const merged = mergeHistory([sample(4000, true, 0.9), sample(6000, true)], [sample(2000, false), sample(4000, false, 0.1)]);
  expect(merged.map((one) => one.at)).toEqual([2000, 4000, 6000]);
  expect(merged[1]?.groups["blend"]?.idleness).toBe(0.9);
});

test("no more samples are kept than the service keeps, and the newest stay", () => {
  const many = Array.from({ length: SAMPLES_MAX + 10 }, (_, index) => sample(index, false));
  const merged = mergeHistory([], many);
  expect(merged).toHaveLength(SAMPLES_MAX);
  expect(merged.at(-1)?.at).toBe(SAMPLES_MAX + 9);
});

test("a picture becomes a sample when one is due or a gate has turned", () => {
  const first = withSnapshot([], SNAPSHOT);
  expect(first).toHaveLength(1);
  expect(withSnapshot(first, { ...SNAPSHOT, at: SNAPSHOT.at + 500 })).toBe(first);
  const turned = SNAPSHOT.groups.map((group) => ({ ...group, gate_open: !group.gate_open }));
  expect(withSnapshot(first, { ...SNAPSHOT, at: SNAPSHOT.at + 500, groups: turned })).toHaveLength(2);
  expect(withSnapshot(first, { ...SNAPSHOT, at: SNAPSHOT.at + 2000 })).toHaveLength(2);
  expect(withSnapshot(first, { ...SNAPSHOT, at: SNAPSHOT.at - 9000 })).toBe(first);
});

test("a sample counts the ringing attempts of all campaigns of the group", () => {
  expect(sampleOf(SNAPSHOT).groups["blend"]?.ringing).toBe(2);
});

test("the gate's openings are shaded from the first open sample to the first closed one", () => {
  const samples = [sample(0, false), sample(2000, true), sample(4000, true), sample(6000, false), sample(8000, true)];
  expect(gateSpans(samples, "blend")).toEqual([
    { from: 2000, to: 6000 },
    { from: 8000, to: 8000 },
  ]);
  expect(gateSpans(samples, "other")).toEqual([]);
});

test("nothing is shaded where nobody watched", () => {
  const samples = [sample(0, true), sample(2000, true), sample(120_000, true), sample(122_000, true)];
  expect(gateSpans(samples, "blend")).toEqual([
    { from: 0, to: 2000 },
    { from: 120_000, to: 122_000 },
  ]);
});

test("the line is broken where samples are missing", () => {
  const series = seriesOf([sample(0, false, 0.2), sample(60_000, false, 0.8)], "blend", 0.1);
  expect(series.idleness).toEqual([0.2, null, 0.8]);
  expect(series.closesBelow[0]).toBeCloseTo(0.3);
});
