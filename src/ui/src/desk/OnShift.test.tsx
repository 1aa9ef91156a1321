import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { Problem } from "../api/problem";
import type { AgentAction, Desk } from "../api/types";
import { DESK, show, someone } from "../test/show";
import { OnShift } from "./OnShift";

const VIEW = DESK.view!;
const CALL = VIEW.call!;
const AGENT = someone("agent");

function desk(over: Partial<Desk["view"]>): Desk {
  return { ...DESK, view: { ...VIEW, ...over } };
}

function showDesk(shown: Desk, does: (action: AgentAction) => Promise<void> = async () => undefined) {
  const acted = vi.fn(does);
  const page = (now: Desk) => <OnShift me={AGENT} desk={now} lostSince={null} act={acted} />;
  const view = show(page(shown));
  return { acted, ...view };
}

test("an outbound call shows who it is, why, and the script with its fields", () => {
  showDesk(DESK);
  expect(screen.getByTestId("customer-name").textContent).toBe("Ms Sun 孙女士");
  expect(screen.getByTestId("customer-number").textContent).toBe("+86 138 0013 8000");
  expect(screen.getByTestId("direction-label").textContent).toBe("Outbound call");
  expect(screen.getByTestId("script").textContent).toContain("Hello Ms Sun 孙女士, this is Liu Yang");
  expect(screen.getByTestId("script").textContent).toContain("[extra_fee]");
  expect(screen.getByTestId("their-time").textContent).toContain("Asia/Shanghai");
});

test("how often the customer looked at the page of their link is shown, and nothing where they never did", () => {
  const first = showDesk({ ...DESK, lead: { ...DESK.lead!, visits: { count: 3, last_at: DESK.view!.call!.since } } });
  expect(screen.getByTestId("customer-visits").textContent).toContain("times: 3");
  first.unmount();
  showDesk({ ...DESK, lead: { ...DESK.lead!, visits: { count: 0, last_at: null } } });
  expect(screen.queryByTestId("customer-visits")).toBeNull();
});

test("the call at hand is not part of the customer's history", () => {
  showDesk(DESK);
  const entries = screen.getByTestId("history").querySelectorAll("li");
  expect(entries).toHaveLength(3);
  expect(screen.getByTestId("history").textContent).toContain("Wants to ask her husband first.");
});

test("an inbound call has another colour and another label, and tells the story", () => {
  showDesk(desk({ call: { ...CALL, call: { direction: "inbound", id: "inb_9" }, waited_ms: 3400 } }));
  expect(screen.getByTestId("screen-pop").className).toContain("call-inbound");
  expect(screen.getByTestId("direction-label").textContent).toBe("Inbound call");
  expect(screen.getByTestId("story").textContent).toContain("Returns our call of");
});

test("the arrival of a call does not take the focus from where something is typed", () => {
  const { rerender } = showDesk(desk({ state: "ready", call: null }));
  const field = document.createElement("input");
  document.body.append(field);
  field.focus();
  rerender(<div />);
  showDesk(DESK);
  expect(screen.getByTestId("screen-pop").getAttribute("role")).toBe("alertdialog");
  expect(document.activeElement).toBe(field);
  field.remove();
});

test("Alt+1 and Alt+Enter record what was answered", async () => {
  const { acted } = showDesk(DESK);
  fireEvent.change(screen.getByTestId("note"), { target: { value: "  likes it " } });
  fireEvent.keyDown(window, { altKey: true, code: "Digit1", key: "1" });
  expect(screen.getByTestId("result-took-it").getAttribute("aria-pressed")).toBe("true");
  fireEvent.keyDown(window, { altKey: true, code: "Enter", key: "Enter" });
  await waitFor(() => expect(screen.getByTestId("recorded")).toBeTruthy());
  expect(acted).toHaveBeenCalledWith({
    action: "record",
    call: CALL.call,
    outcome: { result: "took-it", answers: {}, note: "likes it", callback: null, order: null },
  });
  expect(sessionStorage.getItem(`lull.draft.${CALL.call.id}`)).toBeNull();
});

test("a refused record keeps everything that was typed and shows the error at the question", async () => {
  const refuse = async () => {
    throw new Problem(422, { code: "bad_answer", detail: "question", errors: [{ pointer: "/action/outcome/answers/monthly_fee", code: "bad_answer", detail: "expected a number up to 2000" }] }, null);
  };
  showDesk(DESK, refuse);
  fireEvent.change(screen.getByTestId("note"), { target: { value: "long note" } });
  fireEvent.click(screen.getByTestId("result-no"));
  fireEvent.click(screen.getByTestId("record"));
  await waitFor(() => expect(screen.getAllByText("expected a number up to 2000").length).toBeGreaterThan(0));
  expect((screen.getByTestId("note") as HTMLTextAreaElement).value).toBe("long note");
  expect(sessionStorage.getItem(`lull.draft.${CALL.call.id}`)).toContain("long note");
});

test("a callback outside the window offers the next allowed time, which one click takes", async () => {
  const next = Date.UTC(2026, 10, 23, 1, 0);
  const refuse = async () => {
    throw new Problem(409, { code: "callback_outside_window", detail: "not then", next }, null);
  };
  showDesk(DESK, refuse);
  fireEvent.click(screen.getByTestId("result-later"));
  fireEvent.change(screen.getByTestId("callback-at"), { target: { value: "2026-11-22T23:30" } });
  fireEvent.click(screen.getByTestId("record"));
  await waitFor(() => screen.getByTestId("callback-take-next"));
  fireEvent.click(screen.getByTestId("callback-take-next"));
  expect((screen.getByTestId("callback-at") as HTMLInputElement).value).toBe("2026-11-23T09:00");
  expect(screen.queryByTestId("callback-refused")).toBeNull();
});

test("what was typed comes back after a reload", () => {
  const first = showDesk(DESK);
  fireEvent.change(screen.getByTestId("note"), { target: { value: "half a sentence" } });
  first.unmount();
  showDesk(DESK);
  expect((screen.getByTestId("note") as HTMLTextAreaElement).value).toBe("half a sentence");
});

test("wrap-up warns 20 seconds before it ends and can be extended", async () => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  const { acted } = showDesk(desk({ state: "wrap_up", until: Date.now() + 30_000 }));
  expect(screen.getByTestId("wrap-up-left").textContent).toContain("0:30");
  expect(screen.queryByTestId("wrap-up-warning")).toBeNull();
  act(() => void vi.advanceTimersByTime(11_000));
  expect(screen.getByTestId("wrap-up-warning")).toBeTruthy();
  fireEvent.click(screen.getByTestId("extend-wrap-up"));
  vi.useRealTimers();
  await waitFor(() => expect(acted).toHaveBeenCalledWith({ action: "extend_wrap_up" }));
});

test("a phone that is not connected is said in words", () => {
  showDesk(desk({ phone_up: false, state: "connecting", call: null }));
  expect(screen.getByTestId("phone-missing").textContent).toContain("not connected");
});

const PREVIEW = {
  lead: DESK.lead!.id,
  campaign: "spring-offer",
  number: "+8613800138000",
  until: Date.now() + 90_000,
  on_time_out: "return" as const,
  skips_left: 2,
};

function previewing(over: Partial<typeof PREVIEW> = {}): Desk {
  const preview = { ...PREVIEW, ...over };
  const pacing = { mode: "preview" as const, time_limit_s: 90, on_time_out: "return" as const, skips_max: 2, skip_reasons: ["wrong-data", "already a customer"], skipped_rest_s: 3600 };
  const shown = desk({ state: "previewing", call: null, preview, until: preview.until });
  return { ...shown, campaign: { ...DESK.campaign!, pacing } };
}

test("a lead is shown before it is called, with its script and its history, and the agent starts the call", async () => {
  const { acted } = showDesk(previewing());
  expect(screen.getByTestId("customer-name").textContent).toBe("Ms Sun 孙女士");
  expect(screen.getByTestId("direction-label").textContent).toBe("Not called yet");
  expect(screen.getByTestId("history")).toBeTruthy();
  expect(screen.getByTestId("script").textContent).toContain("Hello Ms Sun");
  expect(screen.queryByTestId("result-form")).toBeNull();
  fireEvent.click(screen.getByTestId("start-call"));
  await waitFor(() => expect(acted).toHaveBeenCalledWith({ action: "start_call", lead: PREVIEW.lead }));
});

test("the time that is left is counted down, and its end is announced once", () => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  showDesk(previewing({ until: Date.now() + 30_000 }));
  expect(screen.getByTestId("preview-left").textContent).toBe("0:30 left to decide");
  expect(screen.getByTestId("preview").textContent).not.toContain("Less than 20 seconds");
  act(() => void vi.advanceTimersByTime(11_000));
  expect(screen.getByTestId("preview").textContent).toContain("Less than 20 seconds left to decide.");
  vi.useRealTimers();
});

test("a lead is skipped with one of the campaign's reasons, known ones in the agent's language", async () => {
  const { acted } = showDesk(previewing());
  fireEvent.click(screen.getByTestId("skip-lead"));
  await waitFor(() => screen.getByTestId("skip-wrong-data"));
  expect(screen.getByTestId("skip-wrong-data").textContent).toBe("Data is wrong");
  fireEvent.click(screen.getByTestId("skip-already a customer"));
  await waitFor(() =>
    expect(acted).toHaveBeenCalledWith({ action: "skip_lead", lead: PREVIEW.lead, reason: "already a customer" }),
  );
});

test("with no skips left the agent is told so, and what happens at the end of the time", () => {
  showDesk(previewing({ skips_left: 0, on_time_out: "dial" as "return" }));
  expect((screen.getByTestId("skip-lead") as HTMLButtonElement).disabled).toBe(true);
  expect(screen.getByTestId("skips-left").textContent).toContain("call this one");
  expect(screen.getByTestId("preview").textContent).toContain("called by itself");
});

const typed = (field: string) => (screen.getByTestId(field) as HTMLTextAreaElement).value;

test("a note about a lead that went back is there when the lead comes again", () => {
  const first = showDesk(previewing());
  fireEvent.change(screen.getByTestId("preview-note"), { target: { value: "ask about the tariff" } });
  first.unmount();
  showDesk(previewing());
  expect(typed("preview-note")).toBe("ask about the tariff");
});

test("a note about a lead goes on into its call, and into no other", () => {
  sessionStorage.setItem(`lull.draft.before.${PREVIEW.lead}`, JSON.stringify({ note: "ask about the tariff" }));
  const inbound = showDesk(desk({ call: { ...CALL, call: { direction: "inbound", id: "inb_1" }, lead: null } }));
  expect(typed("note")).toBe("");
  inbound.unmount();
  showDesk(DESK);
  expect(typed("note")).toBe("ask about the tariff");
});

test("a call that was started and not answered yet says so", () => {
  showDesk(desk({ state: "reserved", call: { ...CALL, answered: false } }));
  expect(screen.getByTestId("call-direction").textContent).toBe("Calling…");
});

test.each([
  [{ notice: "refused" as const, refusal: { reason: "suppressed" } }, "was not called: The number is suppressed."],
  [{ notice: "unreached" as const, disposition: "no_answer" }, "No answer"],
  [{ notice: "timed_out" as const }, "The time to decide"],
  [{ notice: "caller_first" as const }, "A caller came first"],
])("what became of a lead is said in words: %o", (what, words) => {
  showDesk(desk({ state: "ready", call: null, notice: { ...what, number: "+8613800138000", at: 1795318461000 } }));
  expect(screen.getByTestId("desk-notice").textContent).toContain(words);
  expect(screen.getByTestId("desk-notice").textContent).toContain("+86 138 0013 8000");
});
