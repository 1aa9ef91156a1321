import { Anchor, Badge, Button, Modal, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { webhooks } from "../api/client";
import type { WebhookView } from "../api/types";
import { Panel } from "../board/Panel";
import { moment } from "../format";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { SecretShown } from "./SecretShown";
import { WebhookDetails } from "./WebhookDetails";
import { WebhookForm } from "./WebhookForm";

export const WEBHOOKS = ["webhooks"];

/** Endpoints of other systems that are told what happened. */
export function Webhooks() {
  const { t } = useTranslation();
  const found = useQuery({ queryKey: WEBHOOKS, queryFn: webhooks });
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const [open, setOpen] = useState<string | null>(null);
  const opened = found.data?.find((one) => one.id === open) ?? null;
  return (
    <Stack>
      <Panel
        title={t("webhook.title")}
        actions={
          <Button size="xs" onClick={() => setAdding(true)} data-testid="webhook-add">
            {t("webhook.add")}
          </Button>
        }
      >
        <Stack>
          {secret !== null && <SecretShown secret={secret} note={t("webhook.secretNote")} onDone={() => setSecret(null)} />}
          {found.error && <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />}
          {found.isPending && <Waiting />}
          {found.data?.length === 0 && <Empty title={t("webhook.none")} next={t("webhook.noneNext")} />}
          {found.data && found.data.length > 0 && <WebhookTable rows={found.data} open={open} onOpen={setOpen} />}
        </Stack>
      </Panel>
      {opened && <WebhookDetails key={opened.id} webhook={opened} onSecret={setSecret} onGone={() => setOpen(null)} />}
      <Modal opened={adding} onClose={() => setAdding(false)} title={t("webhook.add")} closeButtonProps={{ "aria-label": t("general.close") }}>
        {adding && (
          <WebhookForm
            webhook={null}
            onDone={(added) => {
              setAdding(false);
              if (added) {
                setSecret(added.secret);
                setOpen(added.webhook.id);
              }
            }}
          />
        )}
      </Modal>
    </Stack>
  );
}

interface TableProps {
  rows: WebhookView[];
  open: string | null;
  onOpen: (id: string | null) => void;
}

function WebhookTable({ rows, open, onOpen }: TableProps) {
  const { t } = useTranslation();
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table fz="sm" verticalSpacing={6} data-testid="webhooks">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("webhook.name")}</Table.Th>
            <Table.Th>{t("webhook.url")}</Table.Th>
            <Table.Th>{t("webhook.events")}</Table.Th>
            <Table.Th>{t("webhook.state")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.id}>
              <Table.Td>
                <Anchor component="button" type="button" size="sm" aria-expanded={open === row.id} onClick={() => onOpen(open === row.id ? null : row.id)} data-testid={`webhook-${row.name}`}>
                  {row.name}
                </Anchor>
              </Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere" }}>{row.url}</Table.Td>
              <Table.Td>
                {row.events === null ? t("webhook.allEvents") : row.events.map((event) => t(`event.${event.replace(".", "_")}`)).join(", ")}
                {row.campaign !== null && (
                  <Text size="xs" c="dimmed">
                    {t("webhook.ofCampaign", { campaign: row.campaign })}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>
                <Standing webhook={row} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** Whether it is told what happens, and whether it takes it. */
function Standing({ webhook }: { webhook: WebhookView }) {
  const { t, i18n } = useTranslation();
  const at = (time: number) => moment(time, i18n.language);
  const { disabled_at, disabled_why, failing_since, succeeded_at } = webhook;
  const [word, colour, detail] =
    disabled_at !== null
      ? ["disabled", "gray", t("webhook.since", { time: at(disabled_at), why: disabled_why ?? "" })]
      : failing_since !== null
        ? ["failing", "red", t("webhook.since", { time: at(failing_since), why: "" })]
        : succeeded_at !== null
          ? ["working", "teal", t("webhook.toldLast", { time: at(succeeded_at) })]
          : ["untold", "gray", ""];
  return (
    <>
      <Badge variant="light" tt="none" radius="sm" color={colour}>
        {t(`webhook.states.${word}`)}
      </Badge>
      <Text size="xs" c="dimmed">
        {detail}
      </Text>
    </>
  );
}
