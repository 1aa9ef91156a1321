// The board's past: samples from the service, joined with those taken from the live pictures.

import type { BoardSample, GroupSample, Snapshot } from "../api/types";

/** Two hours at one sample every two seconds, as the service keeps them. */
export const SAMPLES_MAX = 3600;
/** How often a sample is taken from the live pictures. */
export const SAMPLE_EVERY_MS = 2000;
/** Where samples are further apart than this, the line is broken: nobody watched. */
const GAP_MS = 15_000;

export interface Span {
  from: number;
  to: number;
}

export interface Series {
  /** Seconds since 1970, as the chart wants them. */
  at: number[];
  idleness: (number | null)[];
  threshold: (number | null)[];
  closesBelow: (number | null)[];
}

/** The sample that a picture makes. */
export function sampleOf(snapshot: Snapshot): BoardSample {
  const groups: Record<string, GroupSample> = {};
  for (const group of snapshot.groups) {
    const ringing = snapshot.campaigns
      .filter((campaign) => campaign.group === group.group)
      .reduce((sum, campaign) => sum + campaign.ringing, 0);
    groups[group.group] = {
      idleness: group.idleness,
      idle_threshold: group.idle_threshold,
      gate_open: group.gate_open,
      slots: group.slots,
      staffed: group.staffed,
      inbound_busy: group.inbound_busy,
      outbound_busy: group.outbound_busy,
      waiting: group.waiting,
      ringing,
    };
  }
  return { at: snapshot.at, groups };
}

/** Both in order of time, each moment once, at most {@link SAMPLES_MAX} of the newest. The first argument wins. */
export function mergeHistory(known: readonly BoardSample[], more: readonly BoardSample[]): BoardSample[] {
  const byTime = new Map<number, BoardSample>();
  for (const sample of more) byTime.set(sample.at, sample);
  for (const sample of known) byTime.set(sample.at, sample);
  return [...byTime.values()].sort((a, b) => a.at - b.at).slice(-SAMPLES_MAX);
}

/** Adds the picture's sample if one is due. A gate that changed is always due, so that no opening is missed. */
export function withSnapshot(history: BoardSample[], snapshot: Snapshot): BoardSample[] {
  const last = history.at(-1);
  if (!last) return [sampleOf(snapshot)];
  if (snapshot.at <= last.at) return history;
  const turned = snapshot.groups.some((group) => last.groups[group.group]?.gate_open !== group.gate_open);
  if (snapshot.at - last.at < SAMPLE_EVERY_MS && !turned) return history;
  return [...history, sampleOf(snapshot)].slice(-SAMPLES_MAX);
}

/** When the group's gate was open. A span ends where the samples have a gap. */
export function gateSpans(samples: readonly BoardSample[], group: string): Span[] {
  const spans: Span[] = [];
  let open: Span | null = null;
  for (const sample of samples) {
    const figures = sample.groups[group];
    if (open && sample.at - open.to > GAP_MS) {
      spans.push(open);
      open = null;
    }
    if (figures?.gate_open) {
      open = open ? { from: open.from, to: sample.at } : { from: sample.at, to: sample.at };
    } else if (open) {
      spans.push({ from: open.from, to: sample.at });
      open = null;
    }
  }
  if (open) spans.push(open);
  return spans;
}

/** The lines of one group's chart. */
export function seriesOf(samples: readonly BoardSample[], group: string, hysteresis: number): Series {
  const series: Series = { at: [], idleness: [], threshold: [], closesBelow: [] };
  let before: number | null = null;
  for (const sample of samples) {
    if (before !== null && sample.at - before > GAP_MS) {
      series.at.push((before + 1) / 1000);
      series.idleness.push(null);
      series.threshold.push(null);
      series.closesBelow.push(null);
    }
    before = sample.at;
    const figures = sample.groups[group];
    series.at.push(sample.at / 1000);
    series.idleness.push(figures ? figures.idleness : null);
    series.threshold.push(figures ? figures.idle_threshold : null);
    series.closesBelow.push(figures ? Math.max(0, figures.idle_threshold - hysteresis) : null);
  }
  return series;
}
