import { fireEvent, screen, waitFor } from "@testing-library/react";
import { useState } from "react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { Preview } from "../api/types";
import { show } from "../test/show";
import { ColumnsStep } from "./ColumnsStep";
import { EMPTY, type Draft } from "./draft";

const PREVIEW: Preview = {
  encoding: "gb18030",
  delimiter: ";",
  sheets: [],
  columns: [
    { heading: "客户的号", use: "custom" },
    { heading: "姓名", use: "name" },
  ],
  rows: [{ line: 2, cells: ["13800138000", "王芳"] }],
  fault: null,
  template: null,
};
const FAIR = { name: "Fair", columns: [{ heading: "客户的号", use: "number" as const, name: null }], changed_by: "liu", changed_at: 0 };

function Rig() {
  const [draft, setDraft] = useState<Draft>({ ...EMPTY, upload: "upl_1", whole: true, step: 1 });
  return (
    <>
      <ColumnsStep draft={draft} change={(change) => setDraft((before) => ({ ...before, ...change }))} />
      <output data-testid="draft">{JSON.stringify(draft)}</output>
    </>
  );
}

function shown(preview: Partial<Preview>, saved = [FAIR]) {
  vi.spyOn(client, "previewUpload").mockResolvedValue({ ...PREVIEW, ...preview });
  vi.spyOn(client, "templates").mockResolvedValue(saved);
  show(<Rig />);
}

const next = () => screen.getByTestId<HTMLButtonElement>("to-check");
const draft = () => JSON.parse(screen.getByTestId("draft").textContent ?? "{}") as Draft;

test("a file without a known number asks for it, and a custom field keeps the name it is given", async () => {
  shown({});
  await screen.findByTestId("columns-fault");
  expect(next().disabled).toBe(true);
  expect(screen.getByTestId("preview").textContent).toContain("13800138000");
  expect(screen.getByTestId<HTMLInputElement>("list-encoding").placeholder).toBe("Recognised: GB18030");
  fireEvent.change(screen.getByTestId("name-0"), { target: { value: "Line" } });
  expect(draft().columns["客户的号"]).toEqual({ use: "custom", name: "Line" });
  fireEvent.click(screen.getByTestId("use-0"));
  // Each column has its own list of purposes; the first is that of the first column.
  const [purpose] = await screen.findAllByRole("option", { name: "Phone number", hidden: true });
  fireEvent.click(purpose as HTMLElement);
  await waitFor(() => expect(next().disabled).toBe(false));
  expect(draft().columns["客户的号"]).toEqual({ use: "number", name: "Line" });
});

test("a template that fits is used and told, and the columns can be saved as another", async () => {
  vi.spyOn(client, "saveTemplate").mockResolvedValue({ ...FAIR, name: "Other" });
  shown({ template: FAIR });
  expect((await screen.findByTestId("template-fits")).textContent).toContain("Fair");
  expect(next().disabled).toBe(false);
  fireEvent.change(screen.getByTestId("template-name"), { target: { value: "Other" } });
  fireEvent.click(screen.getByTestId("template-save"));
  await waitFor(() => expect(draft().template).toBe("Other"));
  const columns = [{ heading: "客户的号", use: "number" }, { heading: "姓名", use: "name" }];
  expect(client.saveTemplate).toHaveBeenCalledWith("Other", columns);
});

test("a file that cannot be read says what to do, and leaves the choice that mends it", async () => {
  shown({ encoding: null, columns: [], rows: [], fault: { code: "encoding_unknown", detail: "it looks like windows-1252" } });
  const fault = await screen.findByTestId("file-fault");
  expect(fault.textContent).toContain("Choose the one in which the names below read well");
  expect(screen.getByTestId<HTMLInputElement>("list-encoding").placeholder).toBe("Not recognised: choose");
  expect(next().disabled).toBe(true);
});
