import { expect, test } from "vitest";
import { changed, dropDraft, EMPTY, isEmpty, keepDraft, keptDraft, NOTHING_ORDERED } from "./draft";

test("each change leaves everything else as it was typed", () => {
  let draft = changed(EMPTY, { type: "answered", key: "fee", value: "38" });
  draft = changed(draft, { type: "answered", key: "use", value: "Evening" });
  draft = changed(draft, { type: "noted", note: "ask again" });
  draft = changed(draft, { type: "chosen", result: "later" });
  draft = changed(draft, { type: "agreed", at: "2026-11-22T15:30" });
  expect(draft).toEqual({
    answers: { fee: "38", use: "Evening" },
    order: NOTHING_ORDERED,
    note: "ask again",
    result: "later",
    callbackAt: "2026-11-22T15:30",
    callbackMine: false,
  });
  expect(EMPTY.answers).toEqual({});
});

test("a draft survives a reload and is gone once it is recorded", () => {
  const draft = changed(EMPTY, { type: "noted", note: "half a sent" });
  keepDraft("att_1", draft);
  expect(keptDraft("att_1")).toEqual(draft);
  expect(keptDraft("att_2")).toEqual(EMPTY);
  dropDraft("att_1");
  expect(keptDraft("att_1")).toEqual(EMPTY);
});

test("of a damaged draft what fits is kept", () => {
  sessionStorage.setItem("lull.draft.att_1", '{"note":"kept","answers":{"fee":3,"use":"Evening"},"result":7}');
  expect(keptDraft("att_1")).toEqual({ ...EMPTY, note: "kept", answers: { use: "Evening" } });
  sessionStorage.setItem("lull.draft.att_1", "not json");
  expect(keptDraft("att_1")).toEqual(EMPTY);
});

test("a chosen result alone is nothing that was typed", () => {
  expect(isEmpty(changed(EMPTY, { type: "chosen", result: "no" }))).toBe(true);
  expect(isEmpty(changed(EMPTY, { type: "noted", note: "x" }))).toBe(false);
});

test("what was typed of an order is kept, and what is damaged of it is left out", () => {
  const order = { quantities: { card: 2 }, recipient: "王芳", address: "Street 1", note: "" };
  const draft = changed(EMPTY, { type: "ordered", order });
  expect(isEmpty(draft)).toBe(false);
  keepDraft("ordered", draft);
  expect(keptDraft("ordered").order).toEqual(order);
  sessionStorage.setItem("lull.draft.ordered", JSON.stringify({ order: { quantities: { card: "2", router: 1 }, address: 7 } }));
  expect(keptDraft("ordered").order).toEqual({ ...NOTHING_ORDERED, quantities: { router: 1 } });
});
