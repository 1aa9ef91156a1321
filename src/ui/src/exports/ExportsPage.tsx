import { Badge, Button, Group, Progress, Stack, Table, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { exportFile, removeExport, restartExport } from "../api/client";
import type { ExportJob, Me } from "../api/types";
import { Panel } from "../board/Panel";
import { count, moment } from "../format";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { ExportForm } from "./ExportForm";
import { EXPORTS, useExports } from "./useExports";

const COLOURS: Record<ExportJob["state"], string> = {
  waiting: "gray",
  running: "blue",
  done: "teal",
  failed: "red",
  cancelled: "gray",
  interrupted: "orange",
};

/** Files for spreadsheets: asked for here, written beside the calls, and fetched when they are done. */
export function ExportsPage({ me }: { me: Me }) {
  const { t } = useTranslation();
  const found = useExports();
  return (
    <Stack data-testid="exports">
      <Title order={1} fz="h2">
        {t("nav.exports")}
      </Title>
      <Panel title={t("exports.ask")}>
        <ExportForm me={me} />
      </Panel>
      <Panel title={t("exports.title")}>
        {found.error && <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />}
        {found.isPending && <Waiting />}
        {found.data?.length === 0 && <Empty title={t("exports.none")} next={t("exports.noneNext")} />}
        {found.data && found.data.length > 0 && <JobTable jobs={found.data} />}
      </Panel>
    </Stack>
  );
}

function JobTable({ jobs }: { jobs: ExportJob[] }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const done = () => queries.invalidateQueries({ queryKey: EXPORTS });
  const remove = useMutation({ mutationFn: removeExport, onSuccess: done });
  const restart = useMutation({ mutationFn: restartExport, onSuccess: done });
  return (
    <>
      {[remove.error, restart.error].map((error, place) => error && <ProblemAlert key={place} error={error} />)}
      <Table.ScrollContainer minWidth={820}>
        <Table fz="sm" verticalSpacing={6} data-testid="export-table">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("exports.what")}</Table.Th>
              <Table.Th>{t("exports.when")}</Table.Th>
              <Table.Th>{t("exports.state")}</Table.Th>
              <Table.Th>{t("exports.asked")}</Table.Th>
              <Table.Th />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {jobs.map((job) => (
              <Row key={job.id} job={job} onRemove={() => remove.mutate(job.id)} onRestart={() => restart.mutate(job.id)} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}

function Row({ job, onRemove, onRestart }: { job: ExportJob; onRemove: () => void; onRestart: () => void }) {
  const { t, i18n } = useTranslation();
  const at = (time: number) => moment(time, i18n.language);
  const working = job.state === "waiting" || job.state === "running";
  return (
    <Table.Tr data-testid={`export-${job.kind}`} data-state={job.state}>
      <Table.Td>
        {t(`exports.kind.${job.kind}`)} · {job.format.toUpperCase()}
        <Text size="xs" c="dimmed">
          {job.campaign ?? t("exports.allCampaigns")}
          {job.masked && ` · ${t("exports.maskedShort")}`}
        </Text>
      </Table.Td>
      <Table.Td className="figures">{job.from <= 0 ? t("exports.until", { to: at(job.to) }) : t("exports.between", { from: at(job.from), to: at(job.to) })}</Table.Td>
      <Table.Td>
        <State job={job} />
      </Table.Td>
      <Table.Td>
        {job.by}
        <Text size="xs" c="dimmed">
          {at(job.at)}
        </Text>
      </Table.Td>
      <Table.Td ta="right">
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          {job.state === "done" && (
            <Button size="compact-sm" component="a" href={exportFile(job.id)} data-testid={`fetch-${job.kind}`}>
              {t("exports.fetch")}
            </Button>
          )}
          {(job.state === "interrupted" || job.state === "failed" || job.state === "cancelled") && (
            <Button size="compact-sm" variant="default" onClick={onRestart} data-testid={`restart-${job.kind}`}>
              {t("exports.restart")}
            </Button>
          )}
          <Button size="compact-sm" variant="default" onClick={onRemove} data-testid={`remove-${job.kind}`}>
            {t(working ? "exports.stop" : "exports.remove")}
          </Button>
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

function State({ job }: { job: ExportJob }) {
  const { t, i18n } = useTranslation();
  const n = (value: number) => count(value, i18n.language);
  const share = job.progress && job.progress.of > 0 ? (100 * job.progress.rows) / job.progress.of : 0;
  return (
    <>
      <Badge variant="light" tt="none" radius="sm" color={COLOURS[job.state]}>
        {t(`exports.states.${job.state}`)}
      </Badge>
      {job.state === "running" && <Progress value={share} mt={4} aria-label={t("exports.progress")} />}
      {job.state === "done" && (
        <Text size="xs" c="dimmed">
          {t("exports.size", { rows: n(job.rows), kb: n(Math.ceil(job.bytes / 1024)) })}
        </Text>
      )}
      {job.error && (
        <Text size="xs" c="dimmed">
          {job.error}
        </Text>
      )}
    </>
  );
}
