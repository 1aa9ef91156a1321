import { Alert, Anchor, Group, Progress, SimpleGrid, Stack, Table, Tabs, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import { campaign as askCampaign, campaigns } from "../api/client";
import type { CampaignDetail, CampaignView, Me } from "../api/types";
import { AbandonRate, LiveFigures, TodayFigures } from "../board/CampaignCard";
import { Panel } from "../board/Panel";
import { ReasonTable, WhyNot } from "../board/WhyNot";
import { WhySoMany } from "../board/WhySoMany";
import { count } from "../format";
import { Icon } from "../icons";
import { useLiveBoard } from "../shell/BoardContext";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { SuppressForm } from "../suppressions/SuppressForm";
import { Attempts } from "./Attempts";
import { Decisions } from "./Decisions";
import { Definition } from "./Definition";
import { Landing } from "./Landing";
import { Funnel } from "./Funnel";
import { Lists } from "./Lists";
import { LiveControls } from "./LiveControls";
import { Outreach } from "./Outreach";
import { Results } from "./Results";
import { Revisions } from "./Revisions";
import { Search } from "./Search";
import { StateBadge } from "./StateBadge";
import { StateButtons } from "./StateButtons";
import { StateWhy } from "./StateWhy";
import { TextForm } from "./TextForm";
import { WhatIf } from "./WhatIf";
import { linkOf } from "./whatifQuestion";

const TABS = ["today", "funnel", "results", "attempts", "search", "decisions", "controls", "definition", "lists", "outreach", "text", "whatif"] as const;
/** What only a manager may see. */
const MANAGERS: ReadonlySet<(typeof TABS)[number]> = new Set(["search", "controls", "lists", "outreach", "text", "whatif"] as const);

/** One campaign: how it stands, what it is, and its lists. */
export function CampaignPage({ me }: { me: Me }) {
  const { key = "" } = useParams();
  const detail = useQuery({ queryKey: ["campaigns", key], queryFn: () => askCampaign(key), refetchInterval: (query) => (query.state.data?.sorting ? 2_000 : 15_000) });
  if (detail.isPending) return <Waiting />;
  if (detail.error) return <ProblemAlert error={detail.error} onRetry={() => void detail.refetch()} />;
  return <Loaded detail={detail.data} me={me} />;
}

function Loaded({ detail, me }: { detail: CampaignDetail; me: Me }) {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const view = useView(detail.campaign.key);
  const manager = me.role === "manager";
  const tabs = TABS.filter((tab) => manager || !MANAGERS.has(tab));
  const tab = tabs.find((one) => one === params.get("tab")) ?? "today";
  return (
    <Stack data-testid="campaign-page">
      <Group justify="space-between" align="flex-start">
        <div>
          <Anchor component={Link} to="/campaigns" size="sm">
            ← {t("nav.campaigns")}
          </Anchor>
          <Group gap="sm">
            <Title order={1} fz="h2">
              {detail.campaign.title}
            </Title>
            <StateBadge state={view?.state ?? detail.state} />
          </Group>
          <Text size="sm" c="dimmed">
            {detail.campaign.key} · {t("campaign.revision", { revision: detail.revision })}
          </Text>
          <StateWhy state={view?.state ?? detail.state} why={detail.state_why} />
        </div>
        {manager && (
          <StateButtons campaign={detail.campaign.key} title={detail.campaign.title} state={view?.state ?? detail.state} />
        )}
      </Group>
      <Tabs value={tab} onChange={(to) => setParams(to && to !== "today" ? { tab: to } : {}, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          {tabs.map((one) => (
            <Tabs.Tab key={one} value={one} data-testid={`tab-${one}`}>
              {t(`campaign.tab.${one}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="today">
          <Today detail={detail} view={view} me={me} />
        </Tabs.Panel>
        <Tabs.Panel value="funnel">
          <Funnel campaign={detail.campaign.key} me={me} />
        </Tabs.Panel>
        <Tabs.Panel value="results">
          <Results campaign={detail.campaign.key} />
        </Tabs.Panel>
        <Tabs.Panel value="decisions">
          <Decisions campaign={detail.campaign.key} />
        </Tabs.Panel>
        <Tabs.Panel value="attempts">
          <Attempts campaign={detail.campaign} />
        </Tabs.Panel>
        <Tabs.Panel value="search">
          <Search campaign={detail.campaign} />
        </Tabs.Panel>
        <Tabs.Panel value="controls">
          <LiveControls detail={detail} view={view} />
        </Tabs.Panel>
        <Tabs.Panel value="definition">
          <Definition campaign={detail.campaign} profile={detail.profile} />
        </Tabs.Panel>
        <Tabs.Panel value="lists">
          <Lists campaign={detail.campaign.key} />
        </Tabs.Panel>
        <Tabs.Panel value="outreach">
          <Outreach campaign={detail.campaign.key} />
        </Tabs.Panel>
        <Tabs.Panel value="text">
          <TextTab detail={detail} />
        </Tabs.Panel>
        <Tabs.Panel value="whatif">
          <WhatIf campaign={detail.campaign.key} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

/** The live figures: from the board's stream, or from the list of campaigns until the first picture has come. */
function useView(key: string): CampaignView | null {
  const { snapshot } = useLiveBoard();
  const all = useQuery({ queryKey: ["campaigns", "all"], queryFn: campaigns, enabled: snapshot === null });
  const live = snapshot?.campaigns.find((one) => one.campaign === key);
  return live ?? all.data?.find((one) => one.key === key)?.view ?? null;
}

function Today({ detail, view, me }: { detail: CampaignDetail; view: CampaignView | null; me: Me }) {
  const { t } = useTranslation();
  const manager = me.role === "manager";
  const leads = Object.values(detail.leads).reduce((sum, value) => sum + value, 0);
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
      <Panel title={t("campaign.now")}>
        {view ? (
          <Stack>
            <LiveFigures view={view} />
            <WhyNot view={view} />
            <WhySoMany decision={view.decision} />
            <AbandonRate view={view} />
          </Stack>
        ) : (
          <Empty title={t("campaign.notLoaded")} next={t("campaign.notLoadedNext")} />
        )}
      </Panel>
      <Panel title={t("campaign.today")}>{view && <TodayFigures view={view} />}</Panel>
      <Panel title={t("campaign.leads")}>
        {leads === 0 ? (
          <Empty title={t("campaigns.noLeads")} next={t("campaigns.noLeadsNext")} />
        ) : (
          <CountTable values={{ ...detail.leads }} name={(state) => t(`leadState.${state}`)} testId="leads" />
        )}
        {detail.sorting && <SortingBar sorting={detail.sorting} />}
      </Panel>
      <Panel title={t("why.counted")}>
        <ReasonTable refusals={view?.refusals ?? {}} />
      </Panel>
      <Panel title={t("campaign.outcomes")}>
        {Object.keys(detail.totals).length === 0 ? (
          <Text size="sm" c="dimmed">
            {t("campaign.noOutcomes")}
          </Text>
        ) : (
          <CountTable
            values={detail.totals}
            name={(code) => t(`disposition.${code}`, { defaultValue: code })}
            testId="totals"
          />
        )}
      </Panel>
      {detail.campaign.landing && (manager || me.role === "marketing") && (
        <Panel title={t("landing.title")}>
          <Landing campaign={detail.campaign.key} />
        </Panel>
      )}
      {manager && (
        <Panel title={t("suppress.title")}>
          <SuppressForm campaign={detail.campaign.key} />
        </Panel>
      )}
    </SimpleGrid>
  );
}

/** How far the leads are sorted after their order or their conditions have changed. */
function SortingBar({ sorting }: { sorting: NonNullable<CampaignDetail["sorting"]> }) {
  const { t, i18n } = useTranslation();
  const label = t("campaign.sorting", { done: count(sorting.done, i18n.language), of: count(sorting.of, i18n.language) });
  return (
    <Stack gap={4} mt="sm" data-testid="sorting">
      <Progress value={sorting.of === 0 ? 100 : (100 * sorting.done) / sorting.of} aria-label={label} />
      <Text size="xs" c="dimmed">
        {label}
      </Text>
    </Stack>
  );
}

function CountTable({ values, name, testId }: { values: Record<string, number>; name: (code: string) => string; testId: string }) {
  const { t, i18n } = useTranslation();
  const entries = Object.entries(values);
  const total = entries.reduce((sum, [, value]) => sum + value, 0);
  return (
    <Table fz="sm" verticalSpacing={4} data-testid={testId}>
      <Table.Tbody className="figures">
        {entries.map(([code, value]) => (
          <Table.Tr key={code}>
            <Table.Td>{name(code)}</Table.Td>
            <Table.Td ta="right" data-testid={`${testId}-${code}`}>
              {count(value, i18n.language)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
      <Table.Tfoot>
        <Table.Tr>
          <Table.Th>{t("general.total")}</Table.Th>
          <Table.Th ta="right" className="figures">
            {count(total, i18n.language)}
          </Table.Th>
        </Table.Tr>
      </Table.Tfoot>
    </Table>
  );
}

function TextTab({ detail }: { detail: CampaignDetail }) {
  const { t } = useTranslation();
  const [applied, setApplied] = useState<{ revision: number; changed: boolean } | null>(null);
  return (
    <Stack>
      <Anchor component={Link} to={linkOf({})} size="sm" data-testid="text-whatif">
        {t("whatif.before")}
      </Anchor>
      {applied && (
        <Alert color="teal" role="status" icon={<Icon name="ready" />} data-testid="text-applied">
          {t(applied.changed ? "text.applied" : "text.unchanged", { revision: applied.revision })}
        </Alert>
      )}
      <TextForm
        key={detail.revision}
        campaign={detail.campaign.key}
        initial={detail.text}
        draftName={detail.campaign.key}
        onApplied={setApplied}
      />
      <Panel title={t("campaign.revisions")}>
        <Revisions detail={detail} />
      </Panel>
    </Stack>
  );
}
