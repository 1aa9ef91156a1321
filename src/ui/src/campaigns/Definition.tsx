import { List, SimpleGrid, Stack, Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Campaign, Profile, Question, WeeklyHours } from "../api/types";
import { Panel } from "../board/Panel";
import { count, minuteOfDay, percent, phone } from "../format";

/** A campaign's definition as a person reads it. */
export function Definition({ campaign, profile }: { campaign: Campaign; profile: Profile | null }) {
  const { t } = useTranslation();
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
      <Panel title={t("definition.offer")}>
        <Stack gap="xs">
          <Text fw={600}>{campaign.offer.name}</Text>
          <List size="sm">
            {campaign.offer.selling_points.map((point) => (
              <List.Item key={point}>{point}</List.Item>
            ))}
          </List>
          <List size="sm" type="ordered">
            {campaign.offer.steps.map((step) => (
              <List.Item key={step}>{step}</List.Item>
            ))}
          </List>
        </Stack>
      </Panel>
      <Panel title={t("definition.dialling")}>
        <Dialling campaign={campaign} />
      </Panel>
      {Object.values(campaign.limits ?? {}).some((limit) => limit !== null) && (
        <Panel title={t("definition.limits")} testId="limits">
          <LimitRows limits={campaign.limits ?? {}} />
        </Panel>
      )}
      {campaign.leads && (
        <Panel title={t("definition.leads")} testId="selection">
          <SelectionRows leads={campaign.leads} />
        </Panel>
      )}
      {campaign.numbers && (
        <Panel title={t("definition.numbers")} testId="numbers">
          <NumberRows numbers={campaign.numbers} />
        </Panel>
      )}
      <Panel title={t("definition.script")}>
        <Stack gap="sm">
          {campaign.script.map((section, index) => (
            <div key={index}>
              <Text fw={600} size="sm">
                {section.title}
              </Text>
              <Text size="sm" className="prewrap">
                {section.text}
              </Text>
            </div>
          ))}
        </Stack>
      </Panel>
      <Panel title={t("definition.hours")}>
        <Hours hours={campaign.hours} />
        <Text size="xs" c="dimmed" mt="xs">
          {t("definition.hoursNote")}
        </Text>
      </Panel>
      <Panel title={t("definition.questionnaire")}>
        <Questions questions={campaign.questionnaire} />
      </Panel>
      <Panel title={t("definition.results")}>
        <Table fz="sm" verticalSpacing={4}>
          <Table.Tbody>
            {campaign.results.map((result) => (
              <Table.Tr key={result.key}>
                <Table.Td>{result.title}</Table.Td>
                <Table.Td>{t(`disposition.${result.disposition}`, { defaultValue: result.disposition })}</Table.Td>
                <Table.Td>{result.note_required ? t("definition.noteRequired") : ""}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Panel>
      <Panel title={t("definition.retry")}>
        <Retry campaign={campaign} />
      </Panel>
      <Panel title={t("definition.profile")}>
        {profile ? <ProfileText profile={profile} /> : <Text size="sm">{t("definition.noProfile", { name: campaign.profile })}</Text>}
      </Panel>
    </SimpleGrid>
  );
}

function Rows({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <Table fz="sm" verticalSpacing={4} withRowBorders={false}>
      <Table.Tbody>
        {rows.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Th fw={400} c="dimmed" w="45%">
              {name}
            </Table.Th>
            <Table.Td>{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function LimitRows({ limits }: { limits: NonNullable<Campaign["limits"]> }) {
  const { t, i18n } = useTranslation();
  const number = (value: number | null | undefined) => (value === null || value === undefined ? null : count(value, i18n.language));
  const { budget } = limits;
  const all: [string, ReactNode][] = [
    [t("definition.firstDay"), limits.first_day],
    [t("definition.lastDay"), limits.last_day],
    [t("definition.acceptedMax"), number(limits.accepted_max)],
    [t("definition.dialsMax"), number(limits.dials_max)],
    [t("definition.dialsPerDayMax"), number(limits.dials_per_day_max)],
    [t("definition.talkHoursMax"), number(limits.talk_hours_max)],
    [
      t("definition.budget"),
      budget && t("definition.budgetIs", { amount: number(budget.amount), dial: budget.per_dial, minute: budget.per_talk_minute }),
    ],
  ];
  return <Rows rows={all.filter(([, value]) => value !== null && value !== undefined)} />;
}

function SelectionRows({ leads }: { leads: NonNullable<Campaign["leads"]> }) {
  const { t, i18n } = useTranslation();
  const { mix = [], only = [], after_reply = [] } = leads;
  const texts = (values: string[]) => values.join(i18n.language.startsWith("zh") ? "、" : ", ");
  const demands = only.map((condition): [string, ReactNode] => {
    const { is = [], not = [], at_least, at_most } = condition;
    const said = [
      is.length > 0 && t("definition.is", { texts: texts(is) }),
      not.length > 0 && t("definition.isNot", { texts: texts(not) }),
      typeof at_least === "number" && t("definition.atLeast", { number: at_least }),
      typeof at_most === "number" && t("definition.atMost", { number: at_most }),
    ];
    const known = ["list", "priority", "score"].includes(condition.column);
    return [known ? t(`definition.column.${condition.column}`) : condition.column, said.filter(Boolean).join("; ")];
  });
  const order =
    mix.length > 0
      ? t("definition.mixIs", { shares: texts(mix.map(({ list, share }) => `${list} ${share}`)) })
      : t(`definition.order.${leads.order ?? "oldest"}`);
  return (
    <Rows
      rows={[
        [t("definition.leadOrder"), order],
        [t("definition.dialledBefore"), t(`definition.again.${leads.again ?? "last"}`)],
        ...(after_reply.length > 0 ? [[t("definition.afterReply"), texts(after_reply)] as [string, ReactNode]] : []),
        ...demands,
      ]}
    />
  );
}

function NumberRows({ numbers }: { numbers: NonNullable<Campaign["numbers"]> }) {
  const { t, i18n } = useTranslation();
  const span = useSpan();
  const { order = [], hours = {} } = numbers;
  const kind = (name: string) => t(`numberKind.${name}`);
  return (
    <Stack gap="sm">
      <Rows
        rows={[
          [t("definition.numberOrder"), order.length > 0 ? order.map(kind).join(i18n.language.startsWith("zh") ? "、" : ", ") : t("definition.listOrder")],
          [t("definition.nextNumber"), span(numbers.next_after_s ?? 300)],
        ]}
      />
      {Object.entries(hours).map(([name, week]) => (
        <div key={name}>
          <Text size="sm" fw={600}>
            {kind(name)}
          </Text>
          <Hours hours={week as WeeklyHours} />
        </div>
      ))}
    </Stack>
  );
}

function Dialling({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const { pacing } = campaign;
  const pace = () => {
    switch (pacing.mode) {
      case "progressive":
        return t("pacing.progressive");
      case "ratio":
        return t("pacing.ratio", { lines: pacing.lines_per_agent, idle: pacing.min_idle_total, on: t(`pacing.on.${pacing.on}`) });
      case "adaptive":
        return t("pacing.adaptive", { most: pacing.level_max });
      case "predictive":
        return t("pacing.predictive");
      case "preview":
        return t("pacing.preview", { limit: pacing.time_limit_s, then: t(`pacing.then.${pacing.on_time_out}`) });
    }
  };
  const yes = (value: boolean) => t(value ? "general.yes" : "general.no");
  return (
    <Rows
      rows={[
        [t("definition.pacing"), pace()],
        ...(pacing.mode === "preview"
          ? ([[t("definition.skipsMax"), pacing.skips_max ?? t("general.none")]] satisfies [string, ReactNode][])
          : ([[t("definition.ringingMax"), pacing.ringing_max ?? t("general.none")]] satisfies [string, ReactNode][])),
        [t("definition.group"), campaign.group],
        [t("definition.idleMin"), campaign.idle_threshold_min === null ? t("definition.groupThreshold") : percent(campaign.idle_threshold_min)],
        [t("definition.assignment"), t(`assignment.${campaign.assignment}`)],
        [t("definition.callerId"), [campaign.caller_id, ...(campaign.caller_ids ?? [])].map(phone).join(", ")],
        [t("definition.trunks"), campaign.trunks.join(", ")],
        [t("definition.ringTimeout"), t("general.seconds", { count: campaign.ring_timeout_s })],
        [t("definition.abandonMax"), percent(campaign.abandon_rate_max, 1)],
        [t("definition.wrapUp"), t("general.seconds", { count: campaign.wrap_up_s })],
        [t("definition.machines"), yes(campaign.detect_machines)],
        [t("definition.recording"), campaign.recording.on && campaign.recording.when_it_fails === "pause" ? t("definition.recordingOrPause") : yes(campaign.recording.on)],
        [t("definition.priority"), campaign.priority],
        [t("definition.tier"), campaign.tier],
      ]}
    />
  );
}

function Hours({ hours }: { hours: WeeklyHours }) {
  const { t } = useTranslation();
  const spans = (day: number) =>
    (hours.days[day] ?? []).map((span) => `${minuteOfDay(span.from)}–${minuteOfDay(span.to)}`).join(", ") || t("definition.closed");
  return (
    <>
      <Rows rows={[0, 1, 2, 3, 4, 5, 6].map((day) => [t(`weekday.${day}`), spans(day)])} />
      {hours.holidays.length > 0 && (
        <Text size="sm">
          {t("definition.holidays")}: {hours.holidays.join(", ")}
        </Text>
      )}
      {hours.workdays.length > 0 && (
        <Text size="sm">
          {t("definition.workdays")}: {hours.workdays.join(", ")}
        </Text>
      )}
    </>
  );
}

function Questions({ questions }: { questions: Question[] }) {
  const { t } = useTranslation();
  if (questions.length === 0) return <Text size="sm">{t("questionnaire.none")}</Text>;
  const kind = (question: Question) => {
    const { answer } = question;
    return answer.kind === "choice" ? answer.options.join(" / ") : t(`answer.${answer.kind}`);
  };
  return (
    <Table fz="sm" verticalSpacing={4}>
      <Table.Tbody>
        {questions.map((question) => (
          <Table.Tr key={question.key}>
            <Table.Td>
              {question.text}
              {question.required && ` (${t("questionnaire.required")})`}
            </Table.Td>
            <Table.Td>{kind(question)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Retry({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const span = useSpan();
  const rules = Object.entries(campaign.retry);
  return (
    <Stack gap="xs">
      <Text size="sm">{t("definition.attemptsMax", { count: campaign.attempts_max })}</Text>
      <Rows
        rows={rules.map(([code, rule]) => [
          t(`disposition.${code}`, { defaultValue: code }),
          t("definition.retryRule", { span: span(rule.after_s), count: rule.attempts_max }),
        ])}
      />
      {campaign.attempt_caps.map((cap, index) => (
        <Text size="sm" key={index}>
          {t("definition.cap", { count: cap.max, span: span(cap.within_s) })}
        </Text>
      ))}
    </Stack>
  );
}

function ProfileText({ profile }: { profile: Profile }) {
  const { t } = useTranslation();
  const span = useSpan();
  return (
    <Stack gap="xs">
      <Text fw={600} size="sm">
        {profile.title}
      </Text>
      <Rows
        rows={[
          [t("definition.abandonMax"), percent(profile.abandon_rate_max, 1)],
          [t("definition.abandonWindow"), t(`abandon.window.${profile.abandon?.window ?? "day"}`)],
          [t("definition.ringMin"), t("general.seconds", { count: profile.ring_min_s })],
          [t("definition.connectDeadline"), t("general.seconds", { count: profile.connect_deadline_s })],
          [t("definition.consent"), t(profile.consent_required ? "general.yes" : "general.no")],
          ...profile.attempt_caps.map((cap): [string, ReactNode] => [
            t("definition.caps"),
            t("definition.cap", { count: cap.max, span: span(cap.within_s) }),
          ]),
        ]}
      />
      <Text size="sm" fs="italic">
        {profile.notice}
      </Text>
      <List size="xs">
        {profile.sources.map((source) => (
          <List.Item key={source}>{source}</List.Item>
        ))}
      </List>
    </Stack>
  );
}

/** A span in the largest unit that it is a whole number of. */
function useSpan(): (seconds: number) => string {
  const { t } = useTranslation();
  return (seconds) => {
    if (seconds >= 86_400 && seconds % 86_400 === 0) return t("general.days", { count: seconds / 86_400 });
    if (seconds >= 3600 && seconds % 3600 === 0) return t("general.hours", { count: seconds / 3600 });
    if (seconds >= 60 && seconds % 60 === 0) return t("general.minutes", { count: seconds / 60 });
    return t("general.seconds", { count: seconds });
  };
}
