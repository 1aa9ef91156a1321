import { Alert, Button, Group, List, Progress, Select, SimpleGrid, Stack, Table, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { askWhatif, cancelWhatif, serviceNow, whatif } from "../api/client";
import type { WhatifJob, WhatifRow, WhatifTold } from "../api/types";
import { Panel } from "../board/Panel";
import { moment } from "../format";
import { Icon } from "../icons";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { WhatIfChart } from "./WhatIfChart";
import { changesTyped, DAY_MS, isShare, typedFromLink, WHATIF_FIELDS, type WhatifField, type WhatifTyped } from "./whatifQuestion";

const CHOICES: Partial<Record<WhatifField, string[]>> = {
  pacing: ["progressive", "ratio", "adaptive", "predictive"],
  serve_first: ["answered", "inbound", "auto"],
};

/** What a change would have done on recorded traffic, before it is applied. */
export function WhatIf({ campaign }: { campaign: string }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const queryKey = ["campaigns", campaign, "whatif"];
  const view = useQuery({
    queryKey,
    queryFn: () => whatif(campaign),
    refetchInterval: (query) => (query.state.data?.busy ? 1000 : false),
  });
  const again = () => queries.invalidateQueries({ queryKey });
  const cancel = useMutation({ mutationFn: () => cancelWhatif(campaign), onSettled: again });
  if (view.isPending) return <Waiting />;
  if (view.error) return <ProblemAlert error={view.error} onRetry={() => void view.refetch()} />;
  const { job, busy } = view.data;
  return (
    <Stack data-testid="whatif">
      <Question campaign={campaign} busy={busy !== null} onAsked={again} />
      {busy !== null && busy !== campaign && (
        <Alert color="blue" role="status" data-testid="whatif-busy">
          {t("whatif.busy", { campaign: busy })}
        </Alert>
      )}
      {cancel.error && <ProblemAlert error={cancel.error} />}
      {job === null && busy === null && <Empty title={t("whatif.none")} next={t("whatif.noneNext")} />}
      {job?.state === "running" && <Running job={job} onCancel={() => cancel.mutate()} cancelling={cancel.isPending} />}
      {job?.state === "cancelled" && (
        <Alert color="gray" role="status" data-testid="whatif-cancelled">
          {t("whatif.cancelled")}
        </Alert>
      )}
      {job?.state === "failed" && <Failed job={job} />}
      {job?.told && <Told told={job.told} />}
    </Stack>
  );
}

function Question({ campaign, busy, onAsked }: { campaign: string; busy: boolean; onAsked: () => void }) {
  const { t } = useTranslation();
  const [params] = useSearchParams();
  const [typed, setTyped] = useState<WhatifTyped>(() => typedFromLink(params.getAll("set")));
  const [span, setSpan] = useState("7");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const own = span === "own";
  const begins = own ? Date.parse(from) : Number.NaN;
  const ends = own ? Date.parse(to) : Number.NaN;
  const backwards = own && begins >= ends;
  const missing = own && (Number.isNaN(begins) || Number.isNaN(ends));
  const ask = useMutation({
    mutationFn: () => {
      const until = own ? ends : serviceNow();
      const since = own ? begins : until - Number(span) * DAY_MS;
      return askWhatif(campaign, { from: Math.round(since), to: Math.round(until), set: changesTyped(typed) });
    },
    onSettled: onAsked,
  });
  return (
    <Panel title={t("whatif.title")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy && !missing && !backwards) ask.mutate();
        }}
      >
        <Stack>
          <Text size="sm" c="dimmed">
            {t("whatif.intro")}
          </Text>
          <Group align="flex-end">
            <Select
              label={t("whatif.span")}
              data={["1", "7", "14", "own"].map((value) => ({ value, label: t(`whatif.spans.${value}`) }))}
              value={span}
              onChange={(value) => setSpan(value ?? "7")}
              allowDeselect={false}
              data-testid="whatif-span"
            />
            {own && (
              <>
                <TextInput type="datetime-local" label={t("whatif.from")} value={from} onChange={(event) => setFrom(event.currentTarget.value)} data-testid="whatif-from" />
                <TextInput
                  type="datetime-local"
                  label={t("whatif.to")}
                  value={to}
                  onChange={(event) => setTo(event.currentTarget.value)}
                  error={backwards ? t("whatif.backwards") : null}
                  data-testid="whatif-to"
                />
              </>
            )}
          </Group>
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
            {WHATIF_FIELDS.map((field) => (
              <Field key={field} field={field} value={typed[field] ?? ""} onChange={(value) => setTyped({ ...typed, [field]: value })} />
            ))}
          </SimpleGrid>
          {ask.error && <ProblemAlert error={ask.error} />}
          <Group justify="flex-end">
            <Button type="submit" loading={ask.isPending} disabled={busy || missing || backwards} data-testid="whatif-ask">
              {t("whatif.ask")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}

function Field({ field, value, onChange }: { field: WhatifField; value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  const choices = CHOICES[field];
  const label = t(`whatif.field.${field}`);
  if (choices) {
    return (
      <Select
        label={label}
        placeholder={t("whatif.asItIs")}
        data={choices.map((choice) => ({ value: choice, label: t(`whatif.choice.${choice}`) }))}
        value={value || null}
        onChange={(chosen) => onChange(chosen ?? "")}
        clearable
        data-testid={`whatif-${field}`}
      />
    );
  }
  return (
    <TextInput
      label={label}
      placeholder={t("whatif.asItIs")}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      rightSection={isShare(field) ? <Text size="sm">%</Text> : null}
      data-testid={`whatif-${field}`}
    />
  );
}

function Running({ job, onCancel, cancelling }: { job: WhatifJob; onCancel: () => void; cancelling: boolean }) {
  const { t } = useTranslation();
  const { progress } = job;
  const share = progress && progress.of > 0 ? (100 * progress.done) / progress.of : 0;
  const stage = t(progress?.stage === "rehearsing" ? "whatif.rehearsing" : "whatif.reading");
  return (
    <Panel title={t("whatif.running")} testId="whatif-running">
      <Stack>
        <Text size="sm" role="status">
          {stage} · {Math.floor(share)} %
        </Text>
        <Progress value={share} aria-label={stage} />
        <Group justify="flex-end">
          <Button variant="default" loading={cancelling} onClick={onCancel} data-testid="whatif-cancel">
            {t("whatif.cancel")}
          </Button>
        </Group>
      </Stack>
    </Panel>
  );
}

function Failed({ job }: { job: WhatifJob }) {
  const { t } = useTranslation();
  const { problem } = job;
  if (problem?.code === "no_traffic") {
    return (
      <div data-testid="whatif-no-traffic">
        <Empty title={t("whatif.noTraffic")} next={problem.detail} />
      </div>
    );
  }
  const errors = problem?.errors ?? [];
  return (
    <Alert color="red" role="alert" icon={<Icon name="warning" />} title={t(`whatif.problem.${problem?.code ?? "internal"}`)} data-testid="whatif-failed">
      {errors.length === 0 && <Text size="sm">{problem?.detail}</Text>}
      <List size="sm">
        {errors.map((item, index) => (
          <List.Item key={index}>
            {item.key}: {item.detail}
            {item.expected ? ` – ${item.expected}` : ""}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}

function Told({ told }: { told: WhatifTold }) {
  const { t, i18n } = useTranslation();
  const off = told.rows.filter((row) => row.close === false).map((row) => t(`whatif.row.${row.key}`));
  return (
    <Panel title={t("whatif.answer")} testId="whatif-told">
      <Stack>
        <Text size="sm">
          {t("whatif.about", { from: moment(told.from, i18n.language), to: moment(told.to, i18n.language), count: told.replications })}
        </Text>
        {told.changes.length === 0 ? (
          <Text size="sm">{t("whatif.nothingChanged")}</Text>
        ) : (
          <List size="sm" data-testid="whatif-changes">
            {told.changes.map((one) => (
              <List.Item key={one.key}>
                {t(`whatif.field.${one.key}`, { defaultValue: one.key })}: {one.from} → {one.to}
              </List.Item>
            ))}
          </List>
        )}
        {told.matches ? (
          <Alert color="teal" role="status" icon={<Icon name="ready" />} data-testid="whatif-matches">
            {t("whatif.matches")}
          </Alert>
        ) : (
          <Alert color="orange" role="alert" icon={<Icon name="warning" />} title={t("whatif.doesNotMatch")} data-testid="whatif-does-not-match">
            {t("whatif.doesNotMatchWhy", { figures: off.join(", ") })}
          </Alert>
        )}
        {told.notes.length > 0 && (
          <List size="sm" c="dimmed">
            {told.notes.map((note) => (
              <List.Item key={note}>{t(`whatif.note.${note}`)}</List.Item>
            ))}
          </List>
        )}
        <Figures rows={told.rows} />
        <WhatIfChart hours={told.hours} />
      </Stack>
    </Panel>
  );
}

function Figures({ rows }: { rows: WhatifRow[] }) {
  const { t } = useTranslation();
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table fz="sm" verticalSpacing={4} data-testid="whatif-figures">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("whatif.figure")}</Table.Th>
            <Table.Th ta="right">{t("whatif.recorded")}</Table.Th>
            <Table.Th ta="right">{t("whatif.asItWas")}</Table.Th>
            <Table.Th ta="right">{t("whatif.changed")}</Table.Th>
            <Table.Th ta="right">{t("whatif.difference")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {rows.map((row) => (
            <Table.Tr key={row.key} data-testid={`whatif-row-${row.key}`}>
              <Table.Td>{t(`whatif.row.${row.key}`)}</Table.Td>
              <Table.Td ta="right">{written(row.unit, row.recorded, null)}</Table.Td>
              <Table.Td ta="right">{written(row.unit, row.as_it_was.mean, row.as_it_was.ci95)}</Table.Td>
              <Table.Td ta="right">{written(row.unit, row.changed.mean, row.changed.ci95)}</Table.Td>
              <Table.Td ta="right" fw={600}>
                {written(row.unit, row.difference.mean, row.difference.ci95, true)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function written(unit: WhatifRow["unit"], mean: number | null, ci95: number | null, signed = false): string {
  if (mean === null) return "–";
  const factor = unit === "share" ? 100 : 1;
  const mark = unit === "share" ? " %" : unit === "seconds" ? " s" : "";
  const sign = signed && mean > 0 ? "+" : "";
  const spread = ci95 === null ? "" : ` ± ${(ci95 * factor).toFixed(2)}`;
  return `${sign}${(mean * factor).toFixed(2)}${spread}${mark}`;
}
