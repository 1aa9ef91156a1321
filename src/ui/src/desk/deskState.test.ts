import { expect, test } from "vitest";
import { DESK } from "../test/show";
import { after, type DeskState } from "./deskState";

const VIEW = DESK.view!;
const ON_SHIFT: DeskState = { at: "on_shift", session: "ses_1", desk: DESK, lostSince: null };
const EMPTY = { view: null, lead: null, campaign: null, customer: null };

test("a shift that this tab began goes on after a reload; one begun elsewhere is offered", () => {
  expect(after({ at: "asking" }, { type: "asked", session: "ses_1", desk: DESK })).toEqual(ON_SHIFT);
  expect(after({ at: "asking" }, { type: "asked", session: null, desk: DESK })).toEqual({ at: "signed_out", elsewhere: true });
  expect(after({ at: "asking" }, { type: "asked", session: "ses_1", desk: EMPTY })).toEqual({ at: "signed_out", elsewhere: false });
});

test("an earlier picture that arrives late is ignored", () => {
  const late = { ...DESK, view: { ...VIEW, revision: VIEW.revision - 1, state: "ready" as const } };
  expect(after(ON_SHIFT, { type: "shown", desk: late })).toBe(ON_SHIFT);
});

test("after a lost connection the first picture counts, whatever its number", () => {
  const lost = after(ON_SHIFT, { type: "lost", now: 5 });
  expect(lost).toMatchObject({ lostSince: 5 });
  expect(after(lost, { type: "lost", now: 9 })).toMatchObject({ lostSince: 5 });
  const anew = { ...DESK, view: { ...VIEW, revision: 1 } };
  expect(after(lost, { type: "shown", desk: anew })).toEqual({ ...ON_SHIFT, desk: anew });
});

test("a desk without an agent is off shift; right after the sign-in it is only not painted yet", () => {
  expect(after(ON_SHIFT, { type: "shown", desk: EMPTY })).toEqual({ at: "signed_out", elsewhere: false });
  const fresh: DeskState = { at: "on_shift", session: "ses_1", desk: EMPTY, lostSince: null };
  expect(after(fresh, { type: "shown", desk: EMPTY }).at).toBe("on_shift");
});

test("a replaced desk stays replaced when a last picture comes", () => {
  const replaced = after(ON_SHIFT, { type: "replaced" });
  expect(after(replaced, { type: "shown", desk: DESK })).toEqual({ at: "replaced" });
});
