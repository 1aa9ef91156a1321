import { expect, test } from "vitest";
import type { Preview, TemplateView } from "../api/types";
import { columnsOf, EMPTY, faultOf, forgetDraft, keepDraft, keptDraft, mappingOf, plain, requestOf, withUse } from "./draft";

const preview = {
  encoding: "utf-8",
  delimiter: ",",
  sheets: [],
  columns: [
    { heading: "Phone No.", use: "number" },
    { heading: "客户", use: "name" },
    { heading: "City", use: "custom" },
  ],
  rows: [],
  fault: null,
  template: null,
} as Preview;

const template = {
  name: "fair",
  columns: [
    { heading: "客户", use: "number", name: null },
    { heading: "city", use: "custom", name: "Town" },
  ],
  changed_by: "ann",
  changed_at: 0,
} as TemplateView;

test("headings are compared without case, spaces and punctuation, in any script", () => {
  expect(plain(" Phone-No. ")).toBe("phoneno");
  expect(plain("客户 姓名（1）")).toBe("客户姓名1");
});

test("what was chosen by hand goes before the template, and the template before the heading", () => {
  expect(columnsOf(EMPTY, preview, null).map(([, column]) => column.use)).toEqual(["number", "name", "custom"]);
  const saved = columnsOf(EMPTY, preview, template);
  expect(saved).toEqual([
    ["Phone No.", { use: "custom", name: "" }],
    ["客户", { use: "number", name: "" }],
    ["City", { use: "custom", name: "Town" }],
  ]);
  const own = { ...EMPTY, columns: { City: { use: "ignore" as const, name: "" } } };
  expect(columnsOf(own, preview, template)[2]).toEqual(["City", { use: "ignore", name: "" }]);
  // Chosen for the file before: what the heading says does not give the same purpose twice.
  const before = { ...EMPTY, columns: { city: { use: "name" as const, name: "" }, gone: { use: "number" as const, name: "" } } };
  expect(columnsOf(before, preview, null).map(([, column]) => column.use)).toEqual(["number", "custom", "name"]);
});

test("a purpose that only one column can have is taken from the one that had it", () => {
  const columns = columnsOf(EMPTY, preview, null);
  const next = withUse(columns, "City", "name");
  expect(next["City"]?.use).toBe("name");
  expect(next["客户"]?.use).toBe("custom");
  expect(withUse(columns, "City", "mobile")["Phone No."]?.use).toBe("number");
  expect(withUse(columns, "客户", "ignore")["City"]?.use).toBe("custom");
});

test("columns without a number, or with two fields of one name, are told", () => {
  const columns = columnsOf(EMPTY, preview, null);
  expect(faultOf(columns)).toBeNull();
  expect(faultOf(Object.entries(withUse(columns, "Phone No.", "custom")))).toBe("noNumber");
  expect(faultOf([...columns, ["Stadt", { use: "custom", name: "city" }]])).toBe("sameName");
});

test("the question of a job says what was chosen and nothing else", () => {
  const draft = { ...EMPTY, upload: "upl_1", name: " May ", region: "cn", known: "update" as const };
  const columns = columnsOf(draft, preview, template);
  expect(requestOf(draft, columns, true)).toEqual({
    upload: "upl_1",
    name: "May",
    dry_run: true,
    region: "CN",
    mapping: mappingOf(columns),
    on_duplicate: "update",
  });
  expect(mappingOf(columns)[2]).toEqual({ heading: "City", use: "custom", name: "Town" });
});

test("a draft is found again in this tab, and an unreadable one is none", () => {
  const draft = { ...EMPTY, name: "May", template: null };
  keepDraft("spring", draft);
  expect(keptDraft("spring")).toEqual(draft);
  expect(keptDraft("autumn")).toEqual(EMPTY);
  sessionStorage.setItem("lull.import.spring", "{");
  expect(keptDraft("spring")).toEqual(EMPTY);
  forgetDraft("spring");
  expect(sessionStorage.getItem("lull.import.spring")).toBeNull();
});
