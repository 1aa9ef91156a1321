import { Alert, Button, Group, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { previewUpload } from "../api/client";
import { COLUMN_USES, type ColumnUse, type Preview, type TemplateView } from "../api/types";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { columnsOf, faultOf, withUse, type Column, type Draft } from "./draft";
import { Templates } from "./Templates";
import { useTemplates } from "./useTemplates";

interface Props {
  draft: Draft;
  change: (change: Partial<Draft>) => void;
}

/** Encodings of text files that people choose between; any other is told by the command line. */
const ENCODINGS = [
  { value: "utf-8", label: "UTF-8" },
  { value: "gb18030", label: "GB18030 / GBK" },
  { value: "utf-16le", label: "UTF-16" },
  { value: "big5", label: "Big5" },
  { value: "shift_jis", label: "Shift JIS" },
  { value: "windows-1252", label: "Windows-1252" },
];
const DELIMITERS = ["comma", "semicolon", "tab", "pipe"] as const;
const SIGNS: Record<string, (typeof DELIMITERS)[number]> = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe" };

/** The beginning of the file as it is to be read. */
export function usePreview(draft: Draft) {
  const query = {
    ...(draft.region.trim() ? { region: draft.region.trim().toUpperCase() } : {}),
    ...(draft.encoding ? { encoding: draft.encoding } : {}),
    ...(draft.delimiter ? { delimiter: draft.delimiter } : {}),
    ...(draft.sheet ? { sheet: draft.sheet } : {}),
  };
  return useQuery({
    queryKey: ["upload", draft.upload, query],
    queryFn: () => previewUpload(draft.upload ?? "", query),
    enabled: draft.upload !== null && draft.whole,
    // While it is read otherwise it is shown as it was, but never another file.
    placeholderData: (before, asked) => (asked?.queryKey[1] === draft.upload ? before : undefined),
  });
}

/** The template in force: the one that was chosen, or the one that fits. */
export function templateOf(draft: Draft, preview: Preview | undefined, all: TemplateView[] | undefined): TemplateView | null {
  if (draft.template === null) return null;
  if (draft.template === undefined) return preview?.template ?? null;
  return all?.find((one) => one.name === draft.template) ?? null;
}

/** How the file is read, and what its columns are for. */
export function ColumnsStep({ draft, change }: Props) {
  const { t } = useTranslation();
  const preview = usePreview(draft);
  const saved = useTemplates();
  if (preview.isPending) return <Waiting />;
  if (preview.error) {
    return (
      <Stack>
        <ProblemAlert error={preview.error} onRetry={() => void preview.refetch()} />
        <Group>
          <Button variant="default" onClick={() => change({ step: 0 })}>
            {t("wizard.back")}
          </Button>
        </Group>
      </Stack>
    );
  }
  const template = templateOf(draft, preview.data, saved.data);
  const columns = columnsOf(draft, preview.data, template);
  const fault = preview.data.columns.length === 0 ? null : faultOf(columns);
  const ready = !preview.isPlaceholderData && preview.data.fault === null && fault === null && preview.data.columns.length > 0;
  return (
    <Stack data-testid="step-columns">
      <Reading draft={draft} change={change} preview={preview.data} />
      {preview.data.fault && <FileFault code={preview.data.fault.code} detail={preview.data.fault.detail} />}
      {preview.data.columns.length > 0 && (
        <>
          <Templates draft={draft} change={change} template={template} columns={columns} fits={preview.data.template} />
          <Mapping preview={preview.data} columns={columns} onChange={(next) => change({ columns: next })} />
        </>
      )}
      {fault && (
        <Alert color="red" role="alert" icon={<Icon name="warning" />} data-testid="columns-fault">
          {t(`wizard.fault.${fault}`)}
        </Alert>
      )}
      <Group justify="space-between">
        <Button variant="default" onClick={() => change({ step: 0 })} data-testid="to-file">
          {t("wizard.back")}
        </Button>
        <Button disabled={!ready} onClick={() => change({ step: 2 })} data-testid="to-check">
          {t("wizard.next")}
        </Button>
      </Group>
    </Stack>
  );
}

/** What keeps a file from being read, and what to do. */
export function FileFault({ code, detail }: { code: string; detail: string }) {
  const { t } = useTranslation();
  return (
    <Alert color="red" role="alert" icon={<Icon name="warning" />} title={t(`fileProblem.${code}`, { defaultValue: t("fileProblem.other") })} data-testid="file-fault" data-code={code}>
      <Text size="sm" lang="en">
        {detail}
      </Text>
    </Alert>
  );
}

function Reading({ draft, change, preview }: Props & { preview: Preview }) {
  const { t } = useTranslation();
  const workbook = preview.sheets.length > 0;
  const found = preview.delimiter === null ? null : (SIGNS[preview.delimiter] ?? null);
  if (workbook) {
    return (
      <Group>
        <Select
          label={t("list.sheet")}
          description={t("list.sheetNote")}
          placeholder={preview.sheets.length === 1 ? preview.sheets[0] : t("wizard.chooseSheet")}
          data={preview.sheets}
          value={draft.sheet || null}
          onChange={(sheet) => change({ sheet: sheet ?? "", columns: {} })}
          clearable
          data-testid="list-sheet"
        />
      </Group>
    );
  }
  return (
    <Group align="flex-start">
      <Select
        label={t("list.encoding")}
        description={t("list.encodingNote")}
        placeholder={preview.encoding ? t("wizard.recognised", { value: preview.encoding.toUpperCase() }) : t("wizard.notRecognised")}
        data={ENCODINGS}
        value={draft.encoding || null}
        onChange={(encoding) => change({ encoding: encoding ?? "", columns: {} })}
        clearable
        data-testid="list-encoding"
      />
      <Select
        label={t("wizard.delimiter")}
        description={t("wizard.delimiterNote")}
        placeholder={found ? t("wizard.recognised", { value: t(`wizard.sign.${found}`) }) : t("wizard.notRecognised")}
        data={DELIMITERS.map((value) => ({ value, label: t(`wizard.sign.${value}`) }))}
        value={draft.delimiter || null}
        onChange={(delimiter) => change({ delimiter: delimiter ?? "", columns: {} })}
        clearable
        data-testid="list-delimiter"
      />
    </Group>
  );
}

function Mapping({ preview, columns, onChange }: { preview: Preview; columns: [string, Column][]; onChange: (columns: Record<string, Column>) => void }) {
  const { t } = useTranslation();
  const uses = COLUMN_USES.map((value) => ({ value, label: t(`wizard.use.${value}`) }));
  return (
    <Table.ScrollContainer minWidth={Math.max(400, columns.length * 190)}>
      <Table fz="sm" verticalSpacing={4} data-testid="preview">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("wizard.line")}</Table.Th>
            {columns.map(([heading, column], place) => (
              <Table.Th key={heading} miw={180} style={{ verticalAlign: "top" }}>
                <Stack gap={4}>
                  <span>{heading}</span>
                  <Select
                    size="xs"
                    aria-label={t("wizard.useOf", { heading })}
                    data={uses}
                    value={column.use}
                    onChange={(use) => use && onChange(withUse(columns, heading, use as ColumnUse))}
                    allowDeselect={false}
                    data-testid={`use-${place}`}
                  />
                  {column.use === "custom" && (
                    <TextInput
                      size="xs"
                      aria-label={t("wizard.nameOf", { heading })}
                      placeholder={heading}
                      value={column.name}
                      maxLength={100}
                      onChange={(event) => onChange({ ...Object.fromEntries(columns), [heading]: { use: "custom", name: event.currentTarget.value } })}
                      data-testid={`name-${place}`}
                    />
                  )}
                </Stack>
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {preview.rows.map((row) => (
            <Table.Tr key={row.line}>
              <Table.Td c="dimmed" className="figures">
                {row.line}
              </Table.Td>
              {row.cells.map((cell, place) => (
                <Table.Td key={place} c={columns[place]?.[1].use === "ignore" ? "dimmed" : undefined}>
                  {cell}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
