import { Anchor, Button, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { importJobs, lists, rejectedRows } from "../api/client";
import type { ListView } from "../api/types";
import { Panel } from "../board/Panel";
import { count, moment } from "../format";
import { Icon } from "../icons";
import { Undo } from "../imports/Undo";
import { isOpen } from "../imports/useJob";
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
        <Text size="sm" mb="sm">
          {t("list.uploadNote")}
        </Text>
        <Button component={Link} to={`/campaigns/${encodeURIComponent(campaign)}/import`} leftSection={<Icon name="upload" />} data-testid="list-bring-in">
          {t("list.bringIn")}
        </Button>
        <Jobs campaign={campaign} />
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

/** Jobs that are under way, or ended before their end. */
function Jobs({ campaign }: { campaign: string }) {
  const { t } = useTranslation();
  const jobs = useQuery({
    queryKey: ["campaigns", campaign, "import-jobs"],
    queryFn: () => importJobs(campaign),
    refetchInterval: (query) => (query.state.data?.some(isOpen) ? 2000 : false),
  });
  const shown = (jobs.data ?? []).filter((job) => !job.request.dry_run && job.state !== "done").slice(0, 5);
  if (jobs.error) return <ProblemAlert error={jobs.error} onRetry={() => void jobs.refetch()} />;
  if (shown.length === 0) return null;
  return (
    <Stack gap={4} mt="sm" data-testid="import-jobs">
      {shown.map((job) => (
        <Anchor key={job.id} component={Link} size="sm" to={`/campaigns/${encodeURIComponent(campaign)}/import?job=${job.id}`} data-testid={`job-${job.id}`}>
          {t("list.job", { name: job.request.name, file: job.file, state: t(`jobState.${job.state}`), by: job.created_by })}
        </Anchor>
      ))}
    </Stack>
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
            <Table.Th>{t("undo.column")}</Table.Th>
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
              <Table.Td>{row.undo_until !== null && <Undo id={row.import} until={row.undo_until} size="xs" />}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
