import { describe, expect, test } from "vitest";
import description from "../../openapi.json";
// Some codes are not part of the API's description: the program's own sources have them.
import agentSource from "../../../engine/acd/agent.rs?raw";
import previewSource from "../../../engine/dialer/preview.rs?raw";
import pacingSource from "../../../engine/pacing.rs?raw";
import attemptSource from "../../../model/attempt.rs?raw";
import dialableSource from "../../../model/dialable.rs?raw";
import checksSource from "../../../store/import/checks.rs?raw";
import importSource from "../../../store/import/plan.rs?raw";
import stagingSource from "../../../store/import/staging.rs?raw";
import problemSource from "../../../web/problem.rs?raw";
import { DISPOSITIONS, SUPPRESSION_REASONS } from "../dispositions";
import en from "./en.json";
import zh from "./zh-CN.json";

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ""): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "string") texts.set(prefix + key, value);
    else for (const [inner, text] of flat(value, `${prefix}${key}.`)) texts.set(inner, text);
  }
  return texts;
}

const english = flat(en);
const chinese = flat(zh);
const placeholders = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();

const sources = import.meta.glob<string>(["../**/*.{ts,tsx}", "!../**/*.test.{ts,tsx}"], {
  query: "?raw",
  import: "default",
  eager: true,
});

const schemas = description.components.schemas as unknown as Record<string, { enum?: string[] }>;

describe("the catalogues", () => {
  test("have the same keys", () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
  });

  test("have the same placeholders for each key", () => {
    const differing = [...english].filter(([key, text]) => {
      return placeholders(text).join() !== placeholders(chinese.get(key) ?? "").join();
    });
    expect(differing).toEqual([]);
  });

  test("have no empty text", () => {
    expect([...english, ...chinese].filter(([, text]) => text.trim() === "")).toEqual([]);
  });

  test("know every key that the pages name", () => {
    const named = new Set<string>();
    for (const source of Object.values(sources)) {
      for (const match of source.matchAll(/\bt\(\s*(?:\w+ \? )?"([\w.]+)"/g)) named.add(match[1] ?? "");
    }
    expect(named.size).toBeGreaterThan(150);
    expect([...named].filter((key) => !english.has(key))).toEqual([]);
  });

  test.each([
    ["Disposition", "disposition"],
    ["SuppressionReason", "suppressionReason"],
    ["CampaignState", "campaignState"],
    ["LeadState", "leadState"],
    ["Role", "role"],
    ["InboundOutcome", "disposition"],
    ["Assignment", "assignment"],
    ["WhatifNote", "whatif.note"],
    ["JobState", "jobState"],
    ["ImportState", "importState"],
    ["ColumnUse", "wizard.use"],
    ["Recorded", "recording.recorded"],
    ["RecordingState", "recording.state"],
    ["RecordingReason", "recording.reason"],
  ])("have a text for every value of %s", (schema, prefix) => {
    const values = schemas[schema]?.enum ?? [];
    expect(values.length).toBeGreaterThan(1);
    expect(values.filter((value) => !english.has(`${prefix}.${value}`))).toEqual([]);
  });

  test("and the lists to choose from have every value", () => {
    expect([...DISPOSITIONS].sort()).toEqual([...(schemas["Disposition"]?.enum ?? [])].sort());
    expect([...SUPPRESSION_REASONS].sort()).toEqual([...(schemas["SuppressionReason"]?.enum ?? [])].sort());
  });

  test.each([
    ["reason not to dial", attemptSource, /Refusal::\w+(?: \{ \.\. \})? => "(\w+)"/g, "refusal"],
    ["refusal of the engine", problemSource, /RequestRefusal::\w+(?: \{ \.\. \})? => "(\w+)"/g, "problem"],
    ["kind of problem", problemSource, /^ {4}\w+ = "(\w+)", [A-Z_]+,/gm, "problem"],
    ["unusable number", dialableSource, /NotDialable::\w+ => "(\w+)"/g, "rowProblem"],
    ["help with an unusable number", dialableSource, /NotDialable::\w+ => "(\w+)"/g, "rowHelp"],
    ["row that is not taken", checksSource + stagingSource, /(?:refuse\(\w*"?"?, |refuse\(Meaning::\w+, |code: )"(?!updated)(\w+)"/g, "rowProblem"],
    ["help with a row that is not taken", checksSource + stagingSource, /(?:refuse\(\w*"?"?, |refuse\(Meaning::\w+, |code: )"(?!updated)(\w+)"/g, "rowHelp"],
    ["file that is not taken", importSource, /ImportError::\w+(?: \{ \.\. \}|\(_\))? => "(\w+)"/g, "fileProblem"],
    ["limit of the pacing", pacingSource, /Limit::\w+ => "(\w+)"/g, "limit"],
    ["pause that the engine begins", agentSource + previewSource, /pub const \w+: &str = "([\w-]+)"/g, "reason"],
  ])("have a text for every %s", (_, source, pattern, prefix) => {
    const codes = [...source.matchAll(pattern)].map((match) => match[1]);
    expect(codes.length).toBeGreaterThan(2);
    expect(codes.filter((code) => !english.has(`${prefix}.${code}`))).toEqual([]);
  });
});
