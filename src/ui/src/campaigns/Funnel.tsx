import { Anchor, Autocomplete, Button, Group, Modal, SimpleGrid, Stack, Table, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { funnel as askFunnel, funnelFile, funnelLeads } from "../api/client";
import { FUNNEL_PARTS, FUNNEL_STAGES, type FunnelLine, type FunnelStage, type FunnelView, type Me } from "../api/types";
import { Panel } from "../board/Panel";
import { count, moment, percent, phone } from "../format";
import { Icon } from "../icons";
import { money } from "../orders/money";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";

/** A count that was pressed: who is listed. */
interface Listed {
  stage: FunnelStage;
  part: string | null;
}

/** The whole way of a campaign's customers, from the message to the delivery: a press on a count lists them. */
export function Funnel({ campaign, me }: { campaign: string; me: Me }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [by, setBy] = useState("");
  const [listed, setListed] = useState<Listed | null>(null);
  const asked = useQuery({
    queryKey: ["campaigns", campaign, "funnel", by],
    queryFn: () => askFunnel(campaign, by),
    refetchInterval: 30_000,
  });
  // Words of our own have texts; whatever else is typed is the name of a column.
  const words = FUNNEL_PARTS.map((part) => ({ part, label: t(`funnel.parts.${part}`) }));
  const choose = (text: string) => setBy(words.find((word) => word.label === text)?.part ?? text.trim());
  return (
    <Stack data-testid="funnel-page">
      <Group align="flex-end">
        <Autocomplete
          label={t("funnel.by")}
          description={t("funnel.byNote")}
          data={words.map((word) => word.label)}
          value={typed}
          onChange={setTyped}
          onOptionSubmit={choose}
          onBlur={() => choose(typed)}
          onKeyDown={(event) => event.key === "Enter" && choose(typed)}
          clearable
          data-testid="funnel-by"
        />
        <Button component="a" href={funnelFile(campaign, by)} variant="default" leftSection={<Icon name="download" />}>
          {t("funnel.export")}
        </Button>
      </Group>
      {asked.error && <ProblemAlert error={asked.error} onRetry={() => void asked.refetch()} />}
      {asked.isPending && <Waiting />}
      {asked.data && <Shown funnel={asked.data} onList={setListed} />}
      {listed && <Leads campaign={campaign} by={by} listed={listed} linked={me.role === "manager"} onClose={() => setListed(null)} />}
    </Stack>
  );
}

interface ShownProps {
  funnel: FunnelView;
  onList: (listed: Listed) => void;
}

function Shown({ funnel, onList }: ShownProps) {
  const { t, i18n } = useTranslation();
  if (funnel.stages.every((stage) => stage.leads === 0)) {
    return <Empty title={t("funnel.none")} next={t("funnel.noneNext")} />;
  }
  return (
    <Stack>
      <SimpleGrid cols={{ base: 1, xl: 2 }} spacing="md">
        <Panel title={t("funnel.title")} testId="funnel-stages">
          <Stages funnel={funnel} onList={onList} />
          <Text size="xs" c="dimmed" mt="xs">
            {t("funnel.note", { time: moment(funnel.at, i18n.language) })}
          </Text>
        </Panel>
        <Stack>
          <Costs funnel={funnel} />
          <Speed funnel={funnel} />
        </Stack>
      </SimpleGrid>
      {funnel.parts.length > 0 && (
        <Panel title={t("funnel.partsTitle")} testId="funnel-parts">
          <Parts funnel={funnel} onList={onList} />
        </Panel>
      )}
    </Stack>
  );
}

/** Bars that are a table for whoever does not see them. */
function Stages({ funnel, onList }: ShownProps) {
  const { t, i18n } = useTranslation();
  const most = Math.max(1, ...funnel.stages.map((one) => one.leads));
  return (
    <Table fz="sm" verticalSpacing={6} withRowBorders={false}>
      <Table.Tbody className="figures">
        {funnel.stages.map((one) => (
          <Table.Tr key={one.stage}>
            <Table.Th w="9rem" scope="row">
              {t(`funnel.stages.${one.stage}`)}
            </Table.Th>
            <Table.Td w="5rem" ta="right">
              <Anchor component="button" type="button" size="sm" onClick={() => onList({ stage: one.stage, part: null })} data-testid={`stage-${one.stage}`}>
                {count(one.leads, i18n.language)}
              </Anchor>
            </Table.Td>
            <Table.Td>
              <svg width="100%" height="18" viewBox="0 0 100 18" preserveAspectRatio="none" aria-hidden="true">
                <rect width="100" height="18" rx="2" fill="var(--mantine-color-default-border)" opacity="0.35" />
                <rect width={(100 * one.leads) / most} height="18" rx="2" fill="var(--mantine-color-blue-6)" />
              </svg>
            </Table.Td>
            <Table.Td w="12rem">
              {one.of_previous === null
                ? ""
                : t(one.within_previous ? "funnel.ofPrevious" : "funnel.besidePrevious", { share: percent(one.of_previous, 1) })}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Costs({ funnel }: { funnel: FunnelView }) {
  const { t, i18n } = useTranslation();
  const { costs, currency } = funnel;
  const amount = (value: number) => (currency === null ? value.toFixed(2) : money(value, currency, i18n.language));
  const lines: [string, string][] = [
    [t("funnel.delivered"), `${count(funnel.delivered_orders, i18n.language)} · ${amount(funnel.delivered_value)}`],
    [t("funnel.cost"), amount(costs.total)],
    [t("funnel.costEach"), costs.per_delivered_order === null ? "–" : amount(costs.per_delivered_order)],
    [t("funnel.netConversion"), percent(funnel.net_conversion, 1)],
    [t("funnel.lost"), count(funnel.lost, i18n.language)],
    [
      t("funnel.used"),
      t("funnel.usedText", {
        sms: count(costs.used.sms, i18n.language),
        dials: count(costs.used.dials, i18n.language),
        minutes: count(Math.round(costs.used.talk_ms / 60_000), i18n.language),
        deliveries: count(costs.used.deliveries, i18n.language),
      }),
    ],
  ];
  return (
    <Panel title={t("funnel.costs")} testId="funnel-costs">
      <Table fz="sm" verticalSpacing={4}>
        <Table.Tbody className="figures">
          {lines.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th fw={400} scope="row">
                {name}
              </Table.Th>
              <Table.Td ta="right">{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Panel>
  );
}

/** How soon customers who asked were called first, and how many of them accepted. */
function Speed({ funnel }: { funnel: FunnelView }) {
  const { t, i18n } = useTranslation();
  if (funnel.speed.length === 0) return null;
  const within = (minutes: number | null) =>
    minutes === null ? t("funnel.notCalled") : minutes > 1440 ? t("funnel.later") : t("funnel.within", { minutes });
  return (
    <Panel title={t("funnel.speed")} testId="funnel-speed">
      <Table fz="sm" verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("funnel.firstCall")}</Table.Th>
            <Table.Th ta="right">{t("funnel.asked")}</Table.Th>
            <Table.Th ta="right">{t("funnel.stages.accepted")}</Table.Th>
            <Table.Th ta="right">{t("funnel.share")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {funnel.speed.map((one) => (
            <Table.Tr key={one.within_minutes ?? -1}>
              <Table.Td>{within(one.within_minutes)}</Table.Td>
              <Table.Td ta="right">{count(one.leads, i18n.language)}</Table.Td>
              <Table.Td ta="right">{count(one.accepted, i18n.language)}</Table.Td>
              <Table.Td ta="right">{percent(one.leads > 0 ? one.accepted / one.leads : null, 1)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Panel>
  );
}

function Parts({ funnel, onList }: ShownProps) {
  const { t, i18n } = useTranslation();
  const name = (line: FunnelLine) => line.title ?? (line.key === "" ? t("funnel.unknown") : line.key === "…" ? t("funnel.others") : line.key);
  return (
    <Table.ScrollContainer minWidth={900}>
      <Table fz="sm" verticalSpacing={4} stickyHeader>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t(`funnel.parts.${funnel.by}`, { defaultValue: funnel.by.replace(/^column:/, "") })}</Table.Th>
            {FUNNEL_STAGES.map((stage) => (
              <Table.Th key={stage} ta="right">
                {t(`funnel.stages.${stage}`)}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {funnel.parts.map((line) => (
            <Table.Tr key={line.key} data-testid={`part-${line.key}`}>
              <Table.Th fw={400} scope="row">
                {name(line)}
              </Table.Th>
              {FUNNEL_STAGES.map((stage, place) => (
                <Table.Td key={stage} ta="right">
                  <Anchor component="button" type="button" size="sm" onClick={() => onList({ stage, part: line.key })}>
                    {count(line.leads[place] ?? 0, i18n.language)}
                  </Anchor>
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

interface LeadsProps {
  campaign: string;
  by: string;
  listed: Listed;
  /** Whether a customer's page may be opened. */
  linked: boolean;
  onClose: () => void;
}

/** The people behind a count. */
function Leads({ campaign, by, listed, linked, onClose }: LeadsProps) {
  const { t } = useTranslation();
  const pages = useInfiniteQuery({
    queryKey: ["campaigns", campaign, "funnel", by, listed],
    queryFn: ({ pageParam }) => funnelLeads(campaign, listed.stage, { ...(listed.part === null ? {} : { by, part: listed.part }), ...(pageParam ? { cursor: pageParam } : {}) }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
  });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const stage = t(`funnel.stages.${listed.stage}`);
  return (
    <Modal opened onClose={onClose} size="lg" title={listed.part ? `${stage} · ${listed.part}` : stage} closeButtonProps={{ "aria-label": t("orders.close") }}>
      <Stack data-testid="funnel-leads">
        {pages.error && <ProblemAlert error={pages.error} onRetry={() => void pages.refetch()} />}
        {pages.isPending && <Waiting />}
        {pages.data && rows.length === 0 && <Text size="sm">{t("funnel.nobody")}</Text>}
        {rows.length > 0 && (
          <Table fz="sm" verticalSpacing={4}>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr key={row.lead} data-testid={`funnel-lead-${row.lead}`}>
                  <Table.Td className="figures">
                    {linked ? (
                      <Anchor component={Link} to={`/customers?number=${encodeURIComponent(row.number)}`} size="sm">
                        {phone(row.number)}
                      </Anchor>
                    ) : (
                      phone(row.number)
                    )}
                  </Table.Td>
                  <Table.Td>{row.name}</Table.Td>
                  <Table.Td>{t(`leadState.${row.state}`)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
        {pages.hasNextPage && (
          <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            {t("orders.more")}
          </Button>
        )}
      </Stack>
    </Modal>
  );
}
