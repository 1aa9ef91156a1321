import { Alert, Anchor, Button, Checkbox, Collapse, FileInput, Group, Progress, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { lists, rejectedRows, uploadList } from "../api/client";
import type { ImportReport, ListView } from "../api/types";
import { Panel } from "../board/Panel";
import { count, moment } from "../format";
import { Icon } from "../icons";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";

/** The lists of a campaign, and bringing in another. */
export function Lists({ campaign }: { campaign: string }) {
  const { t } = useTranslation();
  const known = useQuery({ queryKey: ["campaigns", campaign, "lists"], queryFn: () => lists(campaign) });
  return (
    <Stack>
      <Panel title={t("list.upload")}>
        <Upload campaign={campaign} />
      </Panel>
      <Panel title={t("list.title")}>
        {known.error && <ProblemAlert error={known.error} onRetry={() => void known.refetch()} />}
        {known.isPending && <Waiting />}
        {known.data && known.data.length === 0 && <Empty title={t("list.none")} next={t("list.noneNext")} />}
        {known.data && known.data.length > 0 && <ListTable rows={known.data} />}
      </Panel>
    </Stack>
  );
}

/** Encodings of text files that people choose between; any other is told by the command line. */
const ENCODINGS = [
  { value: "utf-8", label: "UTF-8" },
  { value: "gb18030", label: "GB18030 / GBK" },
  { value: "utf-16le", label: "UTF-16" },
  { value: "big5", label: "Big5" },
  { value: "windows-1252", label: "Windows-1252" },
];

function Upload({ campaign }: { campaign: string }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState("");
  const [region, setRegion] = useState("");
  const [numberColumn, setNumberColumn] = useState("");
  const [sheet, setSheet] = useState("");
  const [encoding, setEncoding] = useState<string | null>(null);
  const [update, setUpdate] = useState(false);
  const [everywhere, setEverywhere] = useState(false);
  const [more, setMore] = useState(false);
  const [progress, setProgress] = useState(0);
  const bring = useMutation({
    mutationFn: (wanted: { file: File; dryRun: boolean }) => {
      setProgress(0);
      const options = {
        name: name.trim(),
        region: region.trim().toUpperCase(),
        number_column: numberColumn.trim(),
        sheet: sheet.trim(),
        encoding: encoding ?? "",
        on_duplicate: update ? "update" : "",
        duplicates_in: everywhere ? "everywhere" : "",
        dry_run: wanted.dryRun,
      };
      return uploadList(campaign, wanted.file, options, setProgress);
    },
    onSuccess: (report) => {
      if (!report.dry_run) void queries.invalidateQueries({ queryKey: ["campaigns"] });
    },
  });
  const ready = file !== null && name.trim() !== "" && (region.trim() === "" || /^[a-z]{2}$/i.test(region.trim()));
  const start = (dryRun: boolean) => file && bring.mutate({ file, dryRun });
  return (
    <Stack>
      <Group align="flex-start" grow>
        <FileInput
          label={t("list.file")}
          description={t("list.fileNote")}
          placeholder={t("list.choose")}
          accept=".csv,.tsv,.txt,.xlsx,text/csv"
          value={file}
          onChange={(picked) => {
            setFile(picked);
            if (picked && name === "") setName(picked.name.replace(/\.(csv|tsv|txt|xlsx)$/i, ""));
            bring.reset();
          }}
          leftSection={<Icon name="upload" />}
          clearable
          data-testid="list-file"
        />
        <TextInput label={t("list.name")} description={t("list.nameNote")} value={name} onChange={(event) => setName(event.currentTarget.value)} data-testid="list-name" />
        <TextInput
          label={t("list.region")}
          description={t("list.regionNote")}
          value={region}
          maxLength={2}
          onChange={(event) => setRegion(event.currentTarget.value)}
          data-testid="list-region"
        />
      </Group>
      <Collapse expanded={more}>
        <Group align="flex-start" grow>
          <TextInput
            label={t("list.numberColumn")}
            description={t("list.numberColumnNote")}
            value={numberColumn}
            onChange={(event) => setNumberColumn(event.currentTarget.value)}
            data-testid="list-number-column"
          />
          <TextInput label={t("list.sheet")} description={t("list.sheetNote")} value={sheet} onChange={(event) => setSheet(event.currentTarget.value)} data-testid="list-sheet" />
          <Select label={t("list.encoding")} description={t("list.encodingNote")} placeholder={t("list.encodingFound")} data={ENCODINGS} value={encoding} onChange={setEncoding} clearable data-testid="list-encoding" />
        </Group>
        <Group mt="sm">
          <Checkbox label={t("list.update")} description={t("list.updateNote")} checked={update} onChange={(event) => setUpdate(event.currentTarget.checked)} data-testid="list-update" />
          <Checkbox label={t("list.everywhere")} description={t("list.everywhereNote")} checked={everywhere} onChange={(event) => setEverywhere(event.currentTarget.checked)} data-testid="list-everywhere" />
        </Group>
      </Collapse>
      <Group>
        <Button variant="subtle" onClick={() => setMore(!more)} aria-expanded={more} data-testid="list-more">
          {t("list.more")}
        </Button>
        <Button variant="default" disabled={!ready} loading={bring.isPending && bring.variables.dryRun} onClick={() => start(true)} data-testid="list-check">
          {t("list.check")}
        </Button>
        <Button disabled={!ready} loading={bring.isPending && !bring.variables.dryRun} onClick={() => start(false)} data-testid="list-upload">
          {t("list.bringIn")}
        </Button>
      </Group>
      {bring.isPending && (
        <div role="status">
          <Text size="sm">{progress < 1 ? t("list.sending", { percent: Math.floor(progress * 100) }) : t("list.working")}</Text>
          <Progress value={progress * 100} animated={progress >= 1} aria-label={t("list.upload")} />
        </div>
      )}
      {bring.error && <ProblemAlert error={bring.error} />}
      {bring.data && <Report report={bring.data} />}
    </Stack>
  );
}

function Report({ report }: { report: ImportReport }) {
  const { t, i18n } = useTranslation();
  const parts = ["accepted", "updated", "duplicate", "suppressed", "invalid"] as const;
  const sum = parts.reduce((total, part) => total + report[part], 0);
  const whole = sum === report.rows;
  return (
    <Alert
      color={whole ? "teal" : "red"}
      role="status"
      icon={<Icon name={whole ? "ready" : "warning"} />}
      title={t(report.dry_run ? "list.checked" : "list.done")}
      data-testid="import-report"
    >
      <Table fz="sm" verticalSpacing={2} maw={360} withRowBorders={false}>
        <Table.Tbody className="figures">
          {parts.map((part) => (
            <Table.Tr key={part}>
              <Table.Td>{t(`list.${part}`)}</Table.Td>
              <Table.Td ta="right" data-testid={`import-${part}`}>
                {count(report[part], i18n.language)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
        <Table.Tfoot>
          <Table.Tr>
            <Table.Th>{t("list.rows")}</Table.Th>
            <Table.Th ta="right" className="figures" data-testid="import-rows">
              {count(report.rows, i18n.language)}
            </Table.Th>
          </Table.Tr>
        </Table.Tfoot>
      </Table>
      {!whole && <Text size="sm">{t("list.doesNotAddUp", { sum })}</Text>}
      {Object.entries(report.rejected).map(([code, rows]) => (
        <Text size="sm" key={code}>
          {t("list.rejectedBy", { reason: t(`rowProblem.${code}`, { defaultValue: code }), rows: count(rows, i18n.language) })}
        </Text>
      ))}
      {report.resumed && <Text size="sm">{t("list.resumed")}</Text>}
      {report.without_zone > 0 && <Text size="sm">{t("list.withoutZone", { rows: count(report.without_zone, i18n.language) })}</Text>}
      {report.rejected_file !== null && (
        <Anchor href={rejectedRows(report.id)} download size="sm" data-testid="rejected-rows">
          {t("list.rejected")}
        </Anchor>
      )}
    </Alert>
  );
}

function ListTable({ rows }: { rows: ListView[] }) {
  const { t, i18n } = useTranslation();
  const figures = ["rows", "accepted", "updated", "duplicate", "suppressed", "invalid"] as const;
  return (
    <Table.ScrollContainer minWidth={860}>
      <Table fz="sm" verticalSpacing={4} data-testid="lists">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("list.name")}</Table.Th>
            <Table.Th>{t("list.broughtIn")}</Table.Th>
            <Table.Th>{t("board.state")}</Table.Th>
            {figures.map((figure) => (
              <Table.Th key={figure} ta="right">
                {t(`list.${figure}`)}
              </Table.Th>
            ))}
            <Table.Th>{t("list.rejectedRows")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {rows.map((row) => (
            <Table.Tr key={row.id} title={row.id}>
              <Table.Td>{row.name}</Table.Td>
              <Table.Td>
                {moment(row.created_at, i18n.language)} · {row.created_by}
              </Table.Td>
              <Table.Td>{t(`importState.${row.state}`)}</Table.Td>
              {figures.map((figure) => (
                <Table.Td key={figure} ta="right">
                  {count(row[figure], i18n.language)}
                </Table.Td>
              ))}
              <Table.Td>
                {row.rejected_file !== null && (
                  <Anchor href={rejectedRows(row.import)} download size="sm">
                    CSV
                  </Anchor>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
