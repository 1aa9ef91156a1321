import { Anchor, Group, SegmentedControl, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { promiseReport, promiseReportFile } from "../api/client";
import type { PromiseFigures } from "../api/types";
import { Panel } from "../board/Panel";
import { count, percent, seconds } from "../format";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";

const SPANS = ["2", "7", "30"] as const;
const AGAIN_MS = 60_000;

/** How many customers asked, and were called in time, by day and channel. */
export function PromiseReport({ campaign }: { campaign: string | undefined }) {
  const { t } = useTranslation();
  const [span, setSpan] = useState<string>("7");
  const days = Number(span);
  const found = useQuery({
    queryKey: ["promise-report", campaign, days],
    queryFn: () => promiseReport({ campaign, days }),
    refetchInterval: AGAIN_MS,
  });
  return (
    <Panel title={t("promises.report")}>
      <Stack>
        <Group justify="space-between">
          <SegmentedControl
            aria-label={t("promises.report")}
            value={span}
            onChange={setSpan}
            data={SPANS.map((one) => ({ value: one, label: t("promises.days", { days: one }) }))}
          />
          <Anchor href={promiseReportFile(campaign, days)} size="sm" data-testid="promise-file">
            {t("promises.file")}
          </Anchor>
        </Group>
        {found.error && <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />}
        {found.isPending && <Waiting />}
        {found.data && found.data.total.asked === 0 && <Empty title={t("promises.nobody")} next={t("promises.noneNext")} />}
        {found.data && found.data.total.asked > 0 && (
          <Table.ScrollContainer minWidth={700}>
            <Table fz="sm" verticalSpacing={4} data-testid="promise-report">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t("promises.day")}</Table.Th>
                  <Table.Th>{t("promises.by")}</Table.Th>
                  {(["asked", "promised", "kept", "broken", "owed", "void", "talked"] as const).map((one) => (
                    <Table.Th key={one} ta="right" title={t(`promises.meaning.${one}`)}>
                      {t(`promises.figure.${one}`)}
                    </Table.Th>
                  ))}
                  <Table.Th ta="right" title={t("promises.meaning.share")}>
                    {t("promises.figure.share")}
                  </Table.Th>
                  <Table.Th ta="right" title={t("promises.meaning.waited")}>
                    {t("promises.figure.waited")}
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {found.data.parts.map((part) => (
                  <Line key={`${part.day} ${part.channel}`} day={part.day} channel={part.channel} figures={part} />
                ))}
                <Line day={t("promises.total")} channel={null} figures={found.data.total} />
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Stack>
    </Panel>
  );
}

function Line({ day, channel, figures }: { day: string; channel: string | null; figures: PromiseFigures }) {
  const { t, i18n } = useTranslation();
  const weight = channel === null ? 700 : 400;
  const { asked, promised, kept, broken, owed, talked_in_time } = figures;
  const figure = (value: number) => (
    <Table.Td ta="right" className="figures" fw={weight}>
      {count(value, i18n.language)}
    </Table.Td>
  );
  return (
    <Table.Tr data-testid={channel === null ? "promise-total" : undefined}>
      <Table.Td fw={weight}>{day}</Table.Td>
      <Table.Td>{channel === null ? "" : <Text size="sm">{t(`promises.channel.${channel}`, { defaultValue: channel })}</Text>}</Table.Td>
      {figure(asked)}
      {figure(promised)}
      {figure(kept)}
      {figure(broken)}
      {figure(owed)}
      {figure(figures.void)}
      {figure(talked_in_time)}
      <Table.Td ta="right" className="figures" fw={weight}>
        {percent(figures.kept_share, 1)}
      </Table.Td>
      <Table.Td ta="right" className="figures" fw={weight}>
        {figures.waited_s === null ? "–" : seconds(figures.waited_s * 1000)}
      </Table.Td>
    </Table.Tr>
  );
}
