import { Accordion, Anchor, Card, Group, Progress, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { CampaignView } from "../api/types";
import { StateBadge } from "../campaigns/StateBadge";
import { StateButtons } from "../campaigns/StateButtons";
import { count, percent, share } from "../format";
import { Icon } from "../icons";
import { Empty } from "../shell/Empty";
import { Figure } from "./Figure";
import { ReasonTable, WhyNot } from "./WhyNot";
import { WhySoMany } from "./WhySoMany";

interface Props {
  view: CampaignView;
  mayControl: boolean;
  linked: boolean;
}

/** One campaign as it is now, and today so far. */
export function CampaignCard({ view, mayControl, linked }: Props) {
  const { t } = useTranslation();
  return (
    <Card component="article" withBorder padding="md" className="card" data-testid={`campaign-${view.campaign}`}>
      <Stack gap="sm">
        <Group justify="space-between" wrap="nowrap" align="flex-start">
          <Title order={2} fz="md">
            {linked ? (
              <Anchor component={Link} to={`/campaigns/${view.campaign}`} inherit>
                {view.title}
              </Anchor>
            ) : (
              view.title
            )}
          </Title>
          <StateBadge state={view.state} />
        </Group>
        <LiveFigures view={view} />
        <TodayFigures view={view} />
        <AbandonRate view={view} />
        <WhyNot view={view} />
        <WhySoMany decision={view.decision} />
        <Forecast view={view} />
        {view.leads_open === 0 && view.state !== "ended" && (
          <Empty title={t("campaigns.noLeads")} next={t("campaigns.noLeadsNext")} />
        )}
        {mayControl && <StateButtons campaign={view.campaign} title={view.title} state={view.state} size="xs" />}
        <Accordion variant="default" styles={{ control: { paddingInline: 0 }, content: { paddingInline: 0 }, item: { border: 0 } }}>
          <Accordion.Item value="reasons">
            <Accordion.Control fz="sm">{t("why.counted")}</Accordion.Control>
            <Accordion.Panel>
              <ReasonTable refusals={view.refusals} />
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
      </Stack>
    </Card>
  );
}

/** Why so many dials and no more, where pacing forecasts. */
export function Forecast({ view }: { view: Pick<CampaignView, "forecast"> }) {
  const { t } = useTranslation();
  const { forecast } = view;
  if (forecast === null || forecast === undefined) return null;
  const price = forecast.abandon_price;
  return (
    <Text size="xs" c="dimmed" data-testid="forecast">
      {t("forecast.sum", {
        agents: forecast.agents_free.toFixed(1),
        answers: forecast.answers_expected.toFixed(1),
        share: percent(forecast.answer_share),
        chance: percent(forecast.abandon_chance, 1),
      })}{" "}
      {price === null || price === undefined ? t("forecast.held") : t("forecast.price", { price: price.toFixed(0) })}
    </Text>
  );
}

export function LiveFigures({ view }: { view: CampaignView }) {
  const { t } = useTranslation();
  return (
    <SimpleGrid cols={3} spacing="xs">
      <Figure label={t("campaign.ringing")} value={view.ringing + view.dialling} testId="ringing" />
      <Figure label={t("campaign.answeredWaiting")} value={view.answered_waiting} testId="answered-waiting" />
      <Figure label={t("campaign.connectedNow")} value={view.connected} testId="connected" />
      {view.previewing > 0 && <Figure label={t("campaign.previewing")} value={view.previewing} testId="previewing" />}
    </SimpleGrid>
  );
}

export function TodayFigures({ view }: { view: Pick<CampaignView, "today" | "leads_open"> }) {
  const { t, i18n } = useTranslation();
  const { today } = view;
  const n = (value: number) => count(value, i18n.language);
  return (
    <SimpleGrid cols={3} spacing="xs">
      <Figure size="md" label={t("campaign.dialled")} value={n(today.dialled)} testId="dialled" />
      <Figure
        size="md"
        label={t("campaign.answered")}
        value={n(today.answered)}
        note={t("campaign.answerRate", { rate: percent(share(today.answered, today.dialled)) })}
        testId="answered"
      />
      <Figure size="md" label={t("campaign.connected")} value={n(today.connected)} />
      <Figure size="md" label={t("campaign.accepted")} value={n(today.accepted)} note={t("campaign.ofConnected", { rate: percent(share(today.accepted, today.connected)) })} />
      <Figure size="md" label={t("campaign.machines")} value={n(today.machines)} />
      <Figure size="md" label={t("campaign.leadsOpen")} value={n(view.leads_open)} />
    </SimpleGrid>
  );
}

/** Abandoned among answered, against what is allowed. */
export function AbandonRate({
  view,
}: {
  view: Pick<CampaignView, "abandon_rate" | "abandon_rate_max" | "abandon_windows" | "today">;
}) {
  const { t } = useTranslation();
  // Today is what the bar shows; the law may look at another window as well.
  const others = (view.abandon_windows ?? []).filter(({ window }) => window !== "day");
  const rate = view.abandon_rate;
  const used = rate === null || view.abandon_rate_max <= 0 ? 0 : rate / view.abandon_rate_max;
  const word = rate === null ? "none" : used > 1 ? "over" : used > 0.8 ? "near" : "under";
  return (
    <div data-testid="abandon-rate" data-word={word}>
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="sm">{t("abandon.rate")}</Text>
        <Text size="sm" fw={600} className="figures" c={word === "over" ? "var(--mantine-color-red-text)" : undefined}>
          {(word === "over" || word === "near") && <Icon name="warning" size={13} />} {percent(rate, 1)}{" "}
          {t("abandon.ofMax", { max: percent(view.abandon_rate_max, 1) })}
        </Text>
      </Group>
      <Progress
        value={Math.min(100, used * 100)}
        color={word === "over" ? "red" : word === "near" ? "orange" : "teal"}
        size="sm"
        aria-label={t("abandon.rate")}
      />
      <Text size="xs" c="dimmed">
        {t(`abandon.${word}`, { count: view.today.abandoned })}
      </Text>
      {others.map(({ window, rate, left }) => (
        <Text key={window} size="xs" c={left === 0 ? "var(--mantine-color-red-text)" : "dimmed"}>
          {t("abandon.inWindow", { window: t(`abandon.window.${window}`), rate: percent(rate, 1), left })}
        </Text>
      ))}
    </div>
  );
}
