import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { ExportJob } from "../api/types";
import { show, someone } from "../test/show";
import { ExportsPage } from "./ExportsPage";

const JOB: ExportJob = {
  id: "exp_0000000000001",
  kind: "leads",
  campaign: "spring",
  from: 0,
  to: Date.UTC(2026, 10, 23),
  format: "csv",
  masked: false,
  state: "running",
  progress: { rows: 25, of: 100 },
  rows: 0,
  bytes: 0,
  error: null,
  by: "boss",
  at: Date.UTC(2026, 10, 23),
  finished_at: null,
};

let tell: (jobs: ExportJob[]) => void = () => undefined;

beforeEach(() => {
  vi.stubGlobal(
    "EventSource",
    class {
      addEventListener(_: string, heard: (event: { data: string }) => void) {
        tell = (jobs) => act(() => heard({ data: JSON.stringify(jobs) }));
      }
      close() {}
    },
  );
  vi.spyOn(client, "campaigns").mockResolvedValue([{ key: "spring", title: "Spring" }] as never);
});

test("a file is watched while it is written, and fetched when it is done", async () => {
  vi.spyOn(client, "exports").mockResolvedValue([JOB]);
  show(<ExportsPage me={someone("manager")} />);
  const row = () => screen.getByTestId("export-leads");
  await screen.findByTestId("export-leads");
  expect(row().getAttribute("data-state")).toBe("running");
  expect(screen.getByLabelText("How far it is").getAttribute("aria-valuenow")).toBe("25");
  tell([{ ...JOB, state: "done", progress: null, rows: 50, bytes: 4096 }]);
  await waitFor(() => expect(row().getAttribute("data-state")).toBe("done"));
  expect(row().textContent).toContain("50 rows, 4 KB");
  expect(screen.getByTestId("fetch-leads").getAttribute("href")).toBe(`/api/v1/exports/${JOB.id}/file`);
});

test("what a restart broke off is started again", async () => {
  vi.spyOn(client, "exports").mockResolvedValue([{ ...JOB, state: "interrupted", progress: null }]);
  const restart = vi.spyOn(client, "restartExport").mockResolvedValue(JOB as never);
  show(<ExportsPage me={someone("manager")} />);
  fireEvent.click(await screen.findByTestId("restart-leads"));
  await waitFor(() => expect(restart.mock.calls[0]?.[0]).toBe(JOB.id));
});

test("calls are of one campaign, and marketing is offered masked files of no ledger", async () => {
  vi.spyOn(client, "exports").mockResolvedValue([]);
  show(<ExportsPage me={someone("marketing")} />);
  expect((screen.getByTestId("export-ask") as HTMLButtonElement).disabled).toBe(true);
  const masked = screen.getByLabelText("Mask numbers, leave out names, notes and list columns") as HTMLInputElement;
  expect([masked.checked, masked.disabled]).toEqual([true, true]);
  fireEvent.click(screen.getByTestId("export-kind"));
  expect(screen.queryByText("Suppressions")).toBeNull();
});
