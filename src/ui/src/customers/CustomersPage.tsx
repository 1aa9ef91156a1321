import { Anchor, Badge, Button, Group, SimpleGrid, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { customer as askCustomer, consentEvidence } from "../api/client";
import type { Customer } from "../api/types";
import { Panel } from "../board/Panel";
import { historyOf } from "../desk/about";
import { moment, phone } from "../format";
import { Icon } from "../icons";
import { Messages } from "../messages/Messages";
import { StateBadge } from "../orders/StateBadge";
import { Recording } from "../recordings/Recording";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";

/** One customer, by number: lists, calls in both directions with what was said, suppressions and consents. */
export function CustomersPage() {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const asked = params.get("number");
  const [typed, setTyped] = useState(asked ?? "");
  const found = useQuery({
    queryKey: ["customers", asked],
    queryFn: () => askCustomer(asked ?? ""),
    enabled: asked !== null,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed.trim() !== "") setParams({ number: typed.trim() });
  };
  return (
    <Stack data-testid="customers">
      <Title order={1} fz="h2">
        {t("customer.title")}
      </Title>
      <Panel title={t("customer.lookUp")}>
        <form onSubmit={submit}>
          <Group align="flex-end">
            <TextInput
              label={t("customer.number")}
              description={t("customer.numberNote")}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              inputMode="tel"
              data-testid="customer-number"
            />
            <Button type="submit" variant="default" disabled={typed.trim() === ""} data-testid="customer-look-up">
              {t("customer.do")}
            </Button>
          </Group>
        </form>
      </Panel>
      {asked !== null && found.isPending && <Waiting />}
      {found.error && <ProblemAlert error={found.error} />}
      {found.data && <Found customer={found.data} />}
    </Stack>
  );
}

function Found({ customer }: { customer: Customer }) {
  const { t } = useTranslation();
  const { leads, attempts, inbound, suppressions, consents } = customer;
  if (leads.length + attempts.length + inbound.length + suppressions.length + consents.length === 0) {
    return (
      <Stack>
        <Empty title={t("customer.nothing", { number: phone(customer.number) })} next={t("customer.nothingNext")} />
        <Panel title={t("message.title")}>
          <Messages number={customer.number} blocked={false} />
        </Panel>
      </Stack>
    );
  }
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md" data-testid="customer-found">
      <Stack>
        <Panel title={t("customer.standing")}>
          <Standing customer={customer} />
        </Panel>
        <Panel title={t("customer.leads")}>
          <Leads customer={customer} />
        </Panel>
        {customer.orders.length > 0 && (
          <Panel title={t("nav.orders")} testId="customer-orders">
            {customer.orders.map((order) => (
              <Group key={order.order} gap={6}>
                <Anchor component={Link} to={`/orders?number=${encodeURIComponent(customer.number)}&order=${order.order}`} size="sm" className="figures">
                  {order.order}
                </Anchor>
                <StateBadge order={order} />
                <Text size="sm">{order.items.map((item) => `${item.quantity} × ${item.name}`).join(", ")}</Text>
              </Group>
            ))}
          </Panel>
        )}
        <Panel title={t("customer.consents")}>
          <Consents customer={customer} />
        </Panel>
      </Stack>
      <Stack>
        <Panel title={t("customer.calls")}>
          <Calls customer={customer} />
        </Panel>
        <Panel title={t("message.title")}>
          <Messages number={customer.number} blocked={blockedEverywhere(customer)} />
        </Panel>
      </Stack>
    </SimpleGrid>
  );
}

function inForce(customer: Customer) {
  return customer.suppressions.filter(
    (entry) => entry.lifted_at === null && (entry.expires_at === null || entry.expires_at > Date.now()),
  );
}

/** Whether nothing at all may reach the number. */
function blockedEverywhere(customer: Customer): boolean {
  return inForce(customer).some((entry) => entry.campaign === null);
}

function Standing({ customer }: { customer: Customer }) {
  const { t } = useTranslation();
  const reasons = inForce(customer).map(
    (entry) => `${t(`suppressionReason.${entry.reason}`, { defaultValue: entry.reason })} (${entry.campaign ?? t("suppress.everywhere")})`,
  );
  const blocked = reasons.length > 0;
  return (
    <Group gap={6} role="status" data-testid="customer-standing" data-blocked={blocked}>
      <Icon name={blocked ? "blocked" : "ready"} />
      <Text>{blocked ? t("customer.blocked", { reasons: reasons.join(", ") }) : t("customer.notBlocked")}</Text>
    </Group>
  );
}

function Leads({ customer }: { customer: Customer }) {
  const { t } = useTranslation();
  return (
    <Table fz="sm" verticalSpacing={4}>
      <Table.Tbody>
        {customer.leads.map((lead) => (
          <Table.Tr key={lead.id} title={lead.id}>
            <Table.Td>
              <Anchor component={Link} to={`/campaigns/${lead.campaign}`} size="sm">
                {lead.campaign}
              </Anchor>
            </Table.Td>
            <Table.Td>{lead.name}</Table.Td>
            <Table.Td>{t(`leadState.${lead.state}`)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Consents({ customer }: { customer: Customer }) {
  const { t, i18n } = useTranslation();
  if (customer.consents.length === 0) return <Text size="sm">{t("customer.noConsents")}</Text>;
  return (
    <>
      <Table fz="sm" verticalSpacing={6}>
      <Table.Tbody>
        {customer.consents.map((consent) => (
          <Table.Tr key={consent.id}>
            <Table.Td>
              <Badge variant="light" color={consent.kind === "given" ? "teal" : "red"} tt="none" radius="sm">
                {t(`customer.${consent.kind}`)}
              </Badge>
            </Table.Td>
            <Table.Td>
              {consent.purpose === "*" ? t("customer.forAll") : consent.purpose} · {consent.channel}
              <Text size="xs" c="dimmed">
                {moment(consent.at, i18n.language)} · {consent.source}
                {consent.expires_at === null ? "" : ` · ${t("customer.until", { time: moment(consent.expires_at, i18n.language) })}`}
              </Text>
              <Text size="xs" className="prewrap">
                {consent.text}
              </Text>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
    <Anchor href={consentEvidence(customer.number)} download size="sm" data-testid="consent-evidence">
      {t("customer.evidence")}
    </Anchor>
    <Text size="xs" c="dimmed">{t("customer.evidenceNote")}</Text>
    </>
  );
}

function Calls({ customer }: { customer: Customer }) {
  const { t, i18n } = useTranslation();
  const entries = historyOf({ lead: null, customer });
  const answers = new Map(customer.results.map((result) => [result.call.id, Object.entries(result.answers)]));
  if (entries.length === 0) return <Text size="sm">{t("customer.noCalls")}</Text>;
  return (
    <Table fz="sm" verticalSpacing={6} data-testid="customer-calls">
      <Table.Tbody>
        {entries.map((entry) => (
          <Table.Tr key={entry.id} title={entry.id}>
            <Table.Td w="1.5rem">
              <Icon name={entry.direction} />
              <span className="only-read">{t(`direction.${entry.direction}`)}</span>
            </Table.Td>
            <Table.Td>
              {t(`disposition.${entry.outcome ?? "open"}`, { defaultValue: entry.outcome ?? "" })}
              <Text size="xs" c="dimmed">
                {moment(entry.at, i18n.language)}
                {entry.campaign ? ` · ${entry.campaign}` : ""}
              </Text>
              {entry.note && (
                <Text size="xs" className="prewrap">
                  {entry.note}
                </Text>
              )}
              {(answers.get(entry.id) ?? []).map(([question, answer]) => (
                <Text key={question} size="xs">
                  {question}: {answer}
                </Text>
              ))}
              <Recording call={entry.id} recording={entry.recording} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
