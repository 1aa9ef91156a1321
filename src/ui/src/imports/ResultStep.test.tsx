import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { ImportJob, ImportReport } from "../api/types";
import { show } from "../test/show";
import { ResultStep } from "./ResultStep";

const NOW = Date.now();

const REPORT: ImportReport = {
  id: "imp_1",
  list: "list_1",
  dry_run: false,
  rows: 10,
  accepted: 4,
  updated: 1,
  duplicate: 1,
  suppressed: 0,
  invalid: 2,
  left: 2,
  without_zone: 1,
  no_window: 3,
  numbers_unread: 0,
  rejected: { number_rounded: 2, duplicate_in_file: 1 },
  rejected_file: "/api/v1/imports/imp_1/rejected.csv",
  resumed: false,
};

function job(more: Partial<ImportJob>): ImportJob {
  return {
    id: "job_1",
    campaign: "spring",
    file: "may.csv",
    request: { upload: "upl_1", name: "May", dry_run: false } as ImportJob["request"],
    state: "done",
    progress: null,
    import: "imp_1",
    list: "list_1",
    report: null,
    problem: null,
    created_by: "liu",
    created_at: NOW,
    started_at: NOW,
    ended_at: NOW,
    ...more,
  };
}

function shown(...jobs: ImportJob[]) {
  const asked = vi.spyOn(client, "importJob");
  jobs.forEach((one) => asked.mockResolvedValueOnce(one));
  asked.mockResolvedValue(jobs[jobs.length - 1] as ImportJob);
  const outlook = { import: "imp_1", state: "failed", until: NOW + 3_600_000, possible: true, removed: 4, given_up: 2, restored: 1, numbers: 3, numbers_kept: 1 } as const;
  vi.spyOn(client, "undoOutlook").mockResolvedValue(outlook);
  return show(<ResultStep campaign="spring" id="job_1" onAnother={() => undefined} onLeave={() => undefined} />);
}

test("a job that was cancelled says what stays, goes on, and can be taken back after a question", async () => {
  vi.spyOn(client, "resumeImportJob").mockResolvedValue(job({ state: "queued" }));
  vi.spyOn(client, "undoImport").mockResolvedValue({ removed: 4, given_up: 2, restored: 1, numbers: 3, numbers_kept: 1 });
  shown(job({ state: "cancelled", report: REPORT }));
  expect((await screen.findByTestId("import-stopped")).textContent).toContain("What was brought in before stays");
  const parts = ["accepted", "updated", "duplicate", "suppressed", "invalid", "left"].map((part) => Number(screen.getByTestId(`import-${part}`).textContent));
  expect(parts.reduce((sum, part) => sum + part, 0)).toBe(Number(screen.getByTestId("import-rows").textContent));
  expect(screen.getByTestId("import-no-window").textContent).toContain("2 accepted rows");
  expect(screen.getByTestId("rejected-number_rounded").textContent).toContain("Format the column as text");
  fireEvent.click(await screen.findByTestId("undo-imp_1"));
  expect((await screen.findByTestId("undo-outlook")).textContent).toContain("never dialled and are removed: 4");
  expect(screen.getByTestId("undo-outlook").textContent).toContain("got from it and have no more: 3");
  expect(screen.getByTestId("undo-outlook").textContent).toContain("and stay: 1");
  expect(client.undoImport).not.toHaveBeenCalled();
  fireEvent.click(screen.getByTestId("undo-confirm"));
  await waitFor(() => expect(client.undoImport).toHaveBeenCalledWith("imp_1"));
  fireEvent.click(screen.getByTestId("job-resume"));
  await waitFor(() => expect(screen.getByTestId("step-result").getAttribute("data-state")).toBe("queued"));
});

test("while it runs its progress is shown and it can be cancelled", async () => {
  const progress = { stage: "merging" as const, rows_read: 1000, rows_merged: 250, bytes_read: 9, bytes_total: 9 };
  vi.spyOn(client, "cancelImportJob").mockResolvedValue(job({ state: "cancelled", report: REPORT }));
  shown(job({ state: "running", progress, ended_at: null }));
  expect((await screen.findByTestId("job-progress")).textContent).toContain("250 of 1,000 rows");
  fireEvent.click(screen.getByTestId("job-cancel"));
  await screen.findByTestId("import-stopped");
});

test("a job that failed says what to do in the reader's words", async () => {
  shown(job({ state: "failed", import: null, problem: { code: "not_utf8", detail: "line 3: byte 48" } }));
  const fault = await screen.findByTestId("file-fault");
  expect(fault.textContent).toContain("One place of the file is damaged");
  expect(fault.textContent).toContain("line 3: byte 48");
});
