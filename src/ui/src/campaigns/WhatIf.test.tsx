import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import * as client from "../api/client";
import { Problem } from "../api/problem";
import type { WhatifJob, WhatifRow, WhatifTold, WhatifView } from "../api/types";
import { show } from "../test/show";
import { WhatIf } from "./WhatIf";

const AT = 1_795_392_000_000;
const HOUR = 3_600_000;

function row(key: WhatifRow["key"], unit: WhatifRow["unit"], close: boolean | null): WhatifRow {
  return {
    key,
    unit,
    recorded: 0.5,
    as_it_was: { mean: 0.51, ci95: 0.02 },
    changed: { mean: 0.4, ci95: 0.02 },
    difference: { mean: -0.11, ci95: 0.01 },
    close,
  };
}

function told(matches: boolean): WhatifTold {
  const side = (connected: number) => ({ connected, utilisation: 0.5, service_level: null, abandon_rate: 0.01 });
  return {
    campaign: "win-back",
    title: "Win back",
    group: "blend",
    from: AT,
    to: AT + 2 * HOUR,
    changes: [{ key: "idle_threshold", from: "0.4", to: "0.2" }],
    notes: ["restarted"],
    replications: 10,
    rows: [row("agent_utilisation", "share", matches), row("mean_wait_s", "seconds", null)],
    matches,
    hours: [0, 1].map((hour) => ({ at: AT + hour * HOUR, recorded: side(8), as_it_was: side(9), changed: side(5) })),
  };
}

function job(more: Partial<WhatifJob>): WhatifJob {
  return {
    campaign: "win-back",
    by: "liu",
    from: AT,
    to: AT + 2 * HOUR,
    set: { idle_threshold: "0.2" },
    state: "done",
    progress: null,
    told: null,
    problem: null,
    ...more,
  };
}

function shown(view: WhatifView) {
  vi.spyOn(client, "whatif").mockResolvedValue(view);
  show(<WhatIf campaign="win-back" />);
}

beforeEach(() => vi.restoreAllMocks());

test("without a rehearsal the page says what to do, and asks with what was filled in", async () => {
  const asked = vi.spyOn(client, "askWhatif").mockResolvedValue({ job: null, busy: null });
  shown({ job: null, busy: null });
  expect((await screen.findByTestId("empty")).textContent).toContain("Nothing was rehearsed yet.");
  fireEvent.change(screen.getByTestId("whatif-idle_threshold"), { target: { value: "20" } });
  fireEvent.click(screen.getByTestId("whatif-ask"));
  await waitFor(() => expect(asked).toHaveBeenCalledTimes(1));
  const [campaign, question] = asked.mock.calls[0] ?? [];
  expect([campaign, question?.set]).toEqual(["win-back", { idle_threshold: "0.2" }]);
  expect((question?.to ?? 0) - (question?.from ?? 0)).toBe(7 * 24 * HOUR);
});

test("a second rehearsal is refused where it was asked for", async () => {
  vi.spyOn(client, "askWhatif").mockRejectedValue(new Problem(409, { code: "conflict", detail: "a rehearsal of `other` is being worked on" }, 10));
  shown({ job: null, busy: null });
  fireEvent.click(await screen.findByTestId("whatif-ask"));
  expect((await screen.findByTestId("problem")).textContent).toContain("`other`");
});

test("while it runs its progress is shown and it can be stopped", async () => {
  const stopped = vi.spyOn(client, "cancelWhatif").mockResolvedValue(undefined as never);
  shown({ job: job({ state: "running", progress: { stage: "rehearsing", done: 5, of: 20 } }), busy: "win-back" });
  expect((await screen.findByTestId("whatif-running")).textContent).toContain("25 %");
  expect((screen.getByTestId("whatif-ask") as HTMLButtonElement).disabled).toBe(true);
  fireEvent.click(screen.getByTestId("whatif-cancel"));
  await waitFor(() => expect(stopped).toHaveBeenCalledWith("win-back"));
});

test("the answer is tabled and drawn, with its difference and what to know", async () => {
  shown({ job: job({ told: told(true) }), busy: null });
  const figures = await screen.findByTestId("whatif-row-agent_utilisation");
  expect(figures.textContent).toContain("50.00 %");
  expect(figures.textContent).toContain("-11.00 ± 1.00 %");
  expect(screen.getByTestId("whatif-row-mean_wait_s").textContent).toContain("0.51 ± 0.02 s");
  expect(screen.getByTestId("whatif-changes").textContent).toContain("0.4 → 0.2");
  expect(screen.getByTestId("whatif-matches")).toBeTruthy();
  expect(screen.getByTestId("whatif-told").textContent).toContain("restarted within the span");
  expect(screen.getByTestId("whatif-chart").querySelectorAll("path[stroke-width]").length).toBe(3);
});

test("a rehearsal that does not fit warns plainly, with the figures that are off", async () => {
  shown({ job: job({ told: told(false) }), busy: null });
  const warning = await screen.findByTestId("whatif-does-not-match");
  expect(warning.textContent).toContain("Do not trust the difference.");
  expect(warning.textContent).toContain("Agents in use");
});

test("without traffic it says what journals there are", async () => {
  const detail = "no traffic of `win-back` between A and B; journals exist from C to D";
  shown({ job: job({ state: "failed", problem: { code: "no_traffic", detail, errors: [] } }), busy: null });
  expect((await screen.findByTestId("whatif-no-traffic")).textContent).toContain("journals exist from C to D");
});
