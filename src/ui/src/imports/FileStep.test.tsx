import { fireEvent, screen, waitFor } from "@testing-library/react";
import { useState } from "react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import { Problem } from "../api/problem";
import { show } from "../test/show";
import { EMPTY, type Draft } from "./draft";
import { FileStep } from "./FileStep";

function Rig({ begin = EMPTY }: { begin?: Draft }) {
  const [draft, setDraft] = useState(begin);
  return (
    <>
      <FileStep draft={draft} change={(change) => setDraft((before) => ({ ...before, ...change }))} />
      <output data-testid="draft">{JSON.stringify(draft)}</output>
    </>
  );
}

const draft = () => JSON.parse(screen.getByTestId("draft").textContent ?? "{}") as Draft;
const pick = (file: File) => fireEvent.change(document.querySelector('input[type="file"]') as HTMLInputElement, { target: { files: [file] } });

test("a file is sent when it is chosen, names the list, and leads to its columns", async () => {
  const view = { id: "upl_1", name: "may.csv", length: 5, offset: 0, created_at: 0 };
  vi.spyOn(client, "addUpload").mockResolvedValue(view);
  vi.spyOn(client, "sendPiece").mockResolvedValue(undefined as never);
  show(<Rig begin={{ ...EMPTY, columns: { A: { use: "number", name: "" } } }} />);
  pick(new File(["12345"], "may.csv"));
  await screen.findByTestId("file-whole");
  expect(draft()).toMatchObject({ upload: "upl_1", whole: true, name: "may", columns: { A: { use: "number" } } });
  fireEvent.change(screen.getByTestId("list-region"), { target: { value: "1" } });
  expect(screen.getByTestId<HTMLButtonElement>("to-columns").disabled).toBe(true);
  fireEvent.change(screen.getByTestId("list-region"), { target: { value: "cn" } });
  fireEvent.click(screen.getByTestId("to-columns"));
  expect(draft().step).toBe(1);
});

test("whoever has too many files on the service sees them and throws one away", async () => {
  const refused = new Problem(409, { code: "conflict", detail: "8 files of yours are kept" }, null);
  vi.spyOn(client, "addUpload").mockRejectedValue(refused);
  vi.spyOn(client, "uploads").mockResolvedValue([{ id: "upl_9", name: "old.csv", length: 10, offset: 5, created_at: 0 }]);
  vi.spyOn(client, "removeUpload").mockResolvedValue(undefined as never);
  show(<Rig />);
  pick(new File(["12345"], "may.csv"));
  expect((await screen.findByTestId("kept-uploads")).textContent).toContain("old.csv · 50 %");
  fireEvent.click(screen.getByTestId("remove-upl_9"));
  await waitFor(() => expect(vi.mocked(client.removeUpload).mock.calls[0]?.[0]).toBe("upl_9"));
});
