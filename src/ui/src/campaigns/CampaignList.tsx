import { Anchor, Button, Group, Modal, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { campaigns } from "../api/client";
import type { CampaignSummary, Me } from "../api/types";
import { Panel } from "../board/Panel";
import { WhyNot } from "../board/WhyNot";
import { count, percent, share } from "../format";
import { Icon } from "../icons";
import { useLiveBoard } from "../shell/BoardContext";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { NewCampaign } from "./NewCampaign";
import { StateBadge } from "./StateBadge";
import { StateButtons } from "./StateButtons";

export function CampaignList({ me }: { me: Me }) {
  const { t } = useTranslation();
  const [adding, setAdding] = useState(false);
  const all = useQuery({ queryKey: ["campaigns", "all"], queryFn: campaigns, refetchInterval: 10_000 });
  return (
    <Stack data-testid="campaigns">
      <Group justify="space-between">
        <Title order={1} fz="h2">
          {t("nav.campaigns")}
        </Title>
        {me.role === "manager" && (
          <Button leftSection={<Icon name="note" />} variant="default" onClick={() => setAdding(true)} data-testid="new-campaign">
            {t("campaigns.new")}
          </Button>
        )}
      </Group>
      {all.error && <ProblemAlert error={all.error} onRetry={() => void all.refetch()} />}
      {all.isPending && <Waiting />}
      {all.data && all.data.length === 0 && (
        <Panel title={t("campaigns.none")}>
          <Empty title={t("campaigns.none")} next={t("campaigns.noneNext")} command="lull campaign apply campaigns/NAME.toml" />
        </Panel>
      )}
      {all.data && all.data.length > 0 && (
        <Panel title={t("campaigns.today")}>
          <CampaignTable rows={all.data} me={me} />
        </Panel>
      )}
      <Modal
        opened={adding}
        onClose={() => setAdding(false)}
        size="xl"
        title={t("campaigns.new")}
        closeButtonProps={{ "aria-label": t("general.close") }}
      >
        {adding && <NewCampaign onDone={() => setAdding(false)} />}
      </Modal>
    </Stack>
  );
}

function CampaignTable({ rows, me }: { rows: CampaignSummary[]; me: Me }) {
  const { t } = useTranslation();
  return (
    <Table.ScrollContainer minWidth={900}>
      <Table verticalSpacing="sm" fz="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("campaigns.campaign")}</Table.Th>
            <Table.Th>{t("board.state")}</Table.Th>
            <Table.Th ta="right">{t("campaign.leadsOpen")}</Table.Th>
            <Table.Th ta="right">{t("campaign.dialled")}</Table.Th>
            <Table.Th ta="right">{t("campaign.answered")}</Table.Th>
            <Table.Th ta="right">{t("campaign.connected")}</Table.Th>
            <Table.Th ta="right">{t("campaign.accepted")}</Table.Th>
            <Table.Th ta="right">{t("abandon.rate")}</Table.Th>
            {me.role === "manager" && <Table.Th>{t("campaigns.control")}</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {rows.map((row) => (
            <CampaignRow key={row.key} row={row} me={me} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function CampaignRow({ row, me }: { row: CampaignSummary; me: Me }) {
  const { i18n } = useTranslation();
  const { snapshot } = useLiveBoard();
  const view = snapshot?.campaigns.find((one) => one.campaign === row.key) ?? row.view;
  const today = view?.today ?? row.today;
  const state = view?.state ?? row.state;
  const n = (value: number) => count(value, i18n.language);
  return (
    <Table.Tr data-testid={`campaign-${row.key}`}>
      <Table.Td maw={320}>
        <Anchor component={Link} to={`/campaigns/${row.key}`} fw={600}>
          {row.title}
        </Anchor>
        <Text size="xs" c="dimmed">
          {row.key} · {row.group}
        </Text>
        {view && state === "running" && <WhyNot view={view} />}
      </Table.Td>
      <Table.Td>
        <StateBadge state={state} />
      </Table.Td>
      <Table.Td ta="right">{n(row.leads.open + row.leads.callback + row.leads.dialling)}</Table.Td>
      <Table.Td ta="right">{n(today.dialled)}</Table.Td>
      <Table.Td ta="right">
        {n(today.answered)}
        <Text size="xs" c="dimmed">
          {percent(share(today.answered, today.dialled))}
        </Text>
      </Table.Td>
      <Table.Td ta="right">{n(today.connected)}</Table.Td>
      <Table.Td ta="right">
        {n(today.accepted)}
        <Text size="xs" c="dimmed">
          {percent(share(today.accepted, today.connected))}
        </Text>
      </Table.Td>
      <Table.Td ta="right">{percent(view?.abandon_rate, 1)}</Table.Td>
      {me.role === "manager" && (
        <Table.Td>
          <StateButtons campaign={row.key} title={row.title} state={state} size="xs" />
        </Table.Td>
      )}
    </Table.Tr>
  );
}
