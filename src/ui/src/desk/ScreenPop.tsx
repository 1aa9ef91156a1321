import { Badge, Card, Group, Stack, Table, Text, Title } from "@mantine/core";
import { useId } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import type { Campaign, DeskCall } from "../api/types";
import { localTime, moment, phone, seconds } from "../format";
import { Icon } from "../icons";
import { useNow } from "../useNow";
import type { About, HistoryEntry } from "./about";
import { Orders } from "./Orders";

interface Props {
  call: DeskCall;
  about: About;
  campaign: Campaign | null;
  /** Nobody is called yet. */
  before?: boolean;
}

/** Who is on the line, and why. Announced without taking the focus from what is being typed. */
export function ScreenPop({ call, about, campaign, before = false }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const inbound = call.call.direction === "inbound";
  const name = about.name ?? phone(about.number);
  return (
    <Card
      withBorder
      padding="md"
      className={`card call-${call.call.direction}`}
      role="alertdialog"
      aria-modal={false}
      aria-labelledby={id}
      data-testid="screen-pop"
      data-direction={call.call.direction}
    >
      <div className="only-read" aria-live="assertive">
        {t(before ? "preview.announce" : inbound ? "desk.announceInbound" : "desk.announceOutbound", { name, campaign: campaign?.title ?? "" })}
      </div>
      <Stack gap="sm">
        <Badge
          size="lg"
          radius="sm"
          tt="none"
          variant="filled"
          color={inbound ? "orange.9" : "cyan"}
          leftSection={<Icon name={before ? "previewing" : call.call.direction} />}
          data-testid="direction-label"
        >
          {before ? t("preview.before") : t(`direction.${call.call.direction}Call`)}
        </Badge>
        <div>
          <Title order={2} fz="h3" id={id} data-testid="customer-name">
            {name}
          </Title>
          <Text className="figures" data-testid="customer-number">
            {phone(about.number)}
          </Text>
        </div>
        <CustomerClock zones={about.zones} />
        <Why call={call} campaign={campaign} about={about} />
        <Asked about={about} />
        <Numbers numbers={about.numbers} dialled={about.number} />
        <Extra fields={about.extra} />
        <Orders orders={about.orders} />
        <History entries={about.history} />
      </Stack>
    </Card>
  );
}

function CustomerClock({ zones }: { zones: string[] }) {
  const { t, i18n } = useTranslation();
  const now = useNow(10_000);
  if (zones.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {t("desk.zoneUnknown")}
      </Text>
    );
  }
  return (
    <Group gap={6} wrap="nowrap" align="flex-start">
      <Icon name="clock" />
      <div>
        <Text size="xs" c="dimmed">
          {t("desk.theirTime")}
        </Text>
        {zones.slice(0, 3).map((zone) => (
          <Text key={zone} size="sm" className="figures" data-testid="their-time">
            {localTime(now, i18n.language, zone)} ({zone})
          </Text>
        ))}
      </div>
    </Group>
  );
}

function Why({ call, campaign, about }: Props) {
  const { t, i18n } = useTranslation();
  const inbound = call.call.direction === "inbound";
  const last = about.history.find((entry) => entry.direction === "outbound" && entry.campaign === call.campaign);
  return (
    <Stack gap={4} data-testid="why-called">
      <Text size="xs" c="dimmed">
        {t(inbound ? "desk.whyCalling" : "desk.whyCalled")}
      </Text>
      {campaign ? (
        <>
          <Text size="sm" fw={600}>
            {campaign.title}
          </Text>
          <Text size="sm">{campaign.offer.name}</Text>
        </>
      ) : (
        <Text size="sm" fw={600}>
          {call.queue ? t("desk.throughQueue", { queue: call.queue }) : t("desk.unknownReason")}
        </Text>
      )}
      {inbound && campaign && (
        <Text size="sm" data-testid="story">
          {last
            ? t("desk.returned", { time: moment(last.at, i18n.language), disposition: t(`disposition.${last.outcome ?? "unknown"}`, { defaultValue: last.outcome ?? "" }) })
            : t("desk.returnedPlain")}
        </Text>
      )}
      {inbound && call.waited_ms > 0 && (
        <Text size="sm" c="dimmed">
          {t("desk.waited", { span: seconds(call.waited_ms) })}
        </Text>
      )}
      {about.callbackAt !== null && (
        <Badge variant="light" color="violet" tt="none" leftSection={<Icon name="clock" size={12} />}>
          {t("desk.callbackDue", { time: moment(about.callbackAt, i18n.language) })}
        </Badge>
      )}
    </Stack>
  );
}

/** That the customer asked for this call: when, by what, in which words, and what was promised. */
function Asked({ about }: { about: About }) {
  const { t, i18n } = useTranslation();
  const last = about.asked[0];
  const messages = about.messages.slice(0, 5);
  const { visits } = about;
  if (last === undefined && messages.length === 0 && visits.last_at === null) return null;
  return (
    <Stack gap={4} data-testid="customer-asked">
      {last !== undefined && (
        <>
          <Badge variant="light" color="teal" tt="none" leftSection={<Icon name="phone" size={12} />}>
            {t("desk.asked", { time: moment(last.asked_at, i18n.language), channel: t(`promises.channel.${last.channel}`, { defaultValue: last.channel }) })}
          </Badge>
          {last.words && (
            <Text size="sm" className="prewrap" fs="italic" data-testid="customer-words">
              {t("desk.words", { words: last.words })}
            </Text>
          )}
          {last.preferred_at !== null && <Text size="sm">{t("promises.wished", { time: moment(last.preferred_at, i18n.language) })}</Text>}
          {last.promised_until !== null && <Text size="sm">{t("desk.promisedUntil", { time: moment(last.promised_until, i18n.language) })}</Text>}
        </>
      )}
      {visits.last_at !== null && (
        <Text size="sm" data-testid="customer-visits">
          {t("desk.visits", { times: visits.count, time: moment(visits.last_at, i18n.language) })}
        </Text>
      )}
      {messages.length > 0 && (
        <>
          <Text size="xs" c="dimmed">
            {t("message.title")}
          </Text>
          {messages.map((message) => (
            <Text key={message.id} size="xs" className="prewrap">
              {moment(message.created_at, i18n.language)} · {t(`message.direction.${message.direction}`)}: {message.text}
            </Text>
          ))}
        </>
      )}
    </Stack>
  );
}

/** The person's numbers, so that an agent can say which one was called and which is better. */
function Numbers({ numbers, dialled }: { numbers: About["numbers"]; dialled: string | null }) {
  const { t } = useTranslation();
  if (numbers.length === 0) return null;
  return (
    <div data-testid="customer-numbers">
      <Text size="sm" c="dimmed">
        {t("desk.allNumbers")}
      </Text>
      {numbers.map(({ number, kind }) => (
        <Text key={number} size="sm" className="figures" fw={number === dialled ? 700 : 400}>
          {phone(number)} · {t(`numberKind.${kind}`)}
        </Text>
      ))}
    </div>
  );
}

function Extra({ fields }: { fields: Record<string, string> }) {
  const entries = Object.entries(fields).filter(([, value]) => value !== "");
  if (entries.length === 0) return null;
  return (
    <Table verticalSpacing={2} horizontalSpacing={0} fz="sm" withRowBorders={false}>
      <Table.Tbody>
        {entries.map(([key, value]) => (
          <Table.Tr key={key}>
            <Table.Th fw={400} c="dimmed" pr="sm" style={{ whiteSpace: "nowrap" }}>
              {key}
            </Table.Th>
            <Table.Td style={{ overflowWrap: "anywhere" }}>{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function History({ entries }: { entries: HistoryEntry[] }) {
  const { t, i18n } = useTranslation();
  return (
    <div>
      <Text size="xs" c="dimmed">
        {t("desk.history")}
      </Text>
      {entries.length === 0 ? (
        <Text size="sm">{t("desk.firstContact")}</Text>
      ) : (
        <Stack component="ul" gap={6} m={0} p={0} style={{ listStyle: "none" }} data-testid="history">
          {entries.slice(0, 8).map((entry, index) => (
            <li key={index}>
              <Group gap={6} wrap="nowrap" align="flex-start">
                <Icon name={entry.direction} size={14} />
                <div>
                  <Text size="sm">
                    {t(`disposition.${entry.outcome ?? "open"}`, { defaultValue: entry.outcome ?? "" })}
                  </Text>
                  <Text size="xs" c="dimmed">
                    {moment(entry.at, i18n.language)} · {t(`direction.${entry.direction}`)}
                    {entry.campaign ? ` · ${entry.campaign}` : ""}
                  </Text>
                  {entry.note && (
                    <Text size="xs" className="prewrap">
                      {entry.note}
                    </Text>
                  )}
                </div>
              </Group>
            </li>
          ))}
        </Stack>
      )}
    </div>
  );
}
