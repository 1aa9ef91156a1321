import { Alert, Button, Code, Group, Modal, NumberInput, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { deliveries, disableWebhook, enableWebhook, removeWebhook, resendWebhook, rotateWebhook, testWebhook, tries } from "../api/client";
import { DELIVERY_STATES, type Delivery, type DeliveryState, type WebhookView } from "../api/types";
import { Panel } from "../board/Panel";
import { moment } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { WebhookForm } from "./WebhookForm";

const PAGE = 50;
const AGAIN_MS = 10_000;
type Deed = "change" | "disable" | "rotate" | "remove";

interface Props {
  webhook: WebhookView;
  onSecret: (secret: string) => void;
  onGone: () => void;
}

/** One endpoint: what can be done with it, and what it was told. */
export function WebhookDetails({ webhook, onSecret, onGone }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [deed, setDeed] = useState<Deed | null>(null);
  const done = () => queries.invalidateQueries({ queryKey: ["webhooks"] });
  const test = useMutation({ mutationFn: () => testWebhook(webhook.id), onSettled: done });
  const enable = useMutation({ mutationFn: () => enableWebhook(webhook.id), onSuccess: done });
  const resend = useMutation({ mutationFn: (event: string | null) => resendWebhook(webhook.id, event), onSuccess: done });
  const open = (next: Deed) => () => setDeed(next);
  const close = () => setDeed(null);
  return (
    <Panel
      title={webhook.name}
      testId="webhook-details"
      actions={
        <Group gap="xs">
          <Button size="xs" variant="default" loading={test.isPending} onClick={() => test.mutate()} data-testid="webhook-test">
            {t("webhook.test")}
          </Button>
          <Button size="xs" variant="default" onClick={open("change")} data-testid="webhook-change">
            {t("webhook.change")}
          </Button>
          {webhook.disabled_at === null ? (
            <Button size="xs" variant="default" onClick={open("disable")} data-testid="webhook-disable">
              {t("webhook.disable")}
            </Button>
          ) : (
            <Button size="xs" variant="default" loading={enable.isPending} onClick={() => enable.mutate()} data-testid="webhook-enable">
              {t("webhook.enable")}
            </Button>
          )}
          <Button size="xs" variant="default" onClick={open("rotate")} data-testid="webhook-rotate">
            {t("webhook.rotate")}
          </Button>
          <Button size="xs" variant="default" color="red" onClick={open("remove")} data-testid="webhook-remove">
            {t("webhook.remove")}
          </Button>
        </Group>
      }
    >
      <Stack>
        {[test.error, enable.error, resend.error].map((error, place) => error && <ProblemAlert key={place} error={error} />)}
        {test.data && (
          <Alert color={test.data.delivered ? "teal" : "red"} role="status" icon={<Icon name={test.data.delivered ? "ready" : "warning"} />} data-testid="webhook-tested" data-delivered={test.data.delivered}>
            {test.data.delivered
              ? t("webhook.taken", { status: test.data.status ?? "", ms: test.data.duration_ms })
              : t("webhook.notTaken", { error: test.data.error ?? "", ms: test.data.duration_ms })}
            {test.data.response && <Code block>{test.data.response}</Code>}
          </Alert>
        )}
        {resend.data && (
          <Text size="sm" role="status">
            {t("webhook.resent", { count: resend.data.deliveries })}
          </Text>
        )}
        <Deliveries webhook={webhook.id} onResend={(event) => resend.mutate(event)} resending={resend.isPending} />
      </Stack>
      <Modal opened={deed !== null} onClose={close} title={deed && t(`webhook.${deed}Title`, { name: webhook.name })} closeButtonProps={{ "aria-label": t("general.close") }}>
        {deed === "change" && <WebhookForm webhook={webhook} onDone={close} />}
        {deed === "disable" && <Disable id={webhook.id} onDone={close} />}
        {deed === "rotate" && (
          <Rotate
            id={webhook.id}
            onSecret={(secret) => {
              close();
              onSecret(secret);
            }}
          />
        )}
        {deed === "remove" && <Remove id={webhook.id} onCancel={close} onGone={onGone} />}
      </Modal>
    </Panel>
  );
}

function Deliveries({ webhook, onResend, resending }: { webhook: string; onResend: (event: string | null) => void; resending: boolean }) {
  const { t } = useTranslation();
  const [state, setState] = useState<DeliveryState | null>(null);
  const [open, setOpen] = useState<string | null>(null);
  const pages = useInfiniteQuery({
    queryKey: ["webhooks", webhook, "deliveries", state],
    queryFn: ({ pageParam }) => deliveries(webhook, { limit: PAGE, ...(state ? { state } : {}), ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => (last.length === PAGE ? (last.at(-1)?.event ?? null) : null),
    refetchInterval: AGAIN_MS,
  });
  const rows = pages.data?.pages.flat() ?? [];
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Select
          size="xs"
          aria-label={t("webhook.deliveries")}
          placeholder={t("webhook.allDeliveries")}
          data={DELIVERY_STATES.map((one) => ({ value: one, label: t(`webhook.delivery.${one}`) }))}
          value={state}
          onChange={(value) => setState(value as DeliveryState | null)}
          clearable
        />
        <Button size="xs" variant="default" loading={resending} onClick={() => onResend(null)} data-testid="webhook-resend-failed">
          {t("webhook.resendFailed")}
        </Button>
      </Group>
      {pages.error && <ProblemAlert error={pages.error} onRetry={() => void pages.refetch()} />}
      {pages.isPending && <Waiting />}
      {pages.data && rows.length === 0 && <Text size="sm">{t("webhook.nothingTold")}</Text>}
      {rows.length > 0 && (
        <Table.ScrollContainer minWidth={720}>
          <Table fz="sm" verticalSpacing={4} data-testid="deliveries">
            <Table.Tbody>
              {rows.map((row) => (
                <DeliveryRows key={row.event} row={row} webhook={webhook} open={open === row.event} onOpen={() => setOpen(open === row.event ? null : row.event)} onResend={() => onResend(row.event)} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {pages.hasNextPage && (
        <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
          {t("webhook.more")}
        </Button>
      )}
    </Stack>
  );
}

interface RowProps {
  row: Delivery;
  webhook: string;
  open: boolean;
  onOpen: () => void;
  onResend: () => void;
}

function DeliveryRows({ row, webhook, open, onOpen, onResend }: RowProps) {
  const { t, i18n } = useTranslation();
  return (
    <>
      <Table.Tr data-testid={`delivery-${row.type}`} data-state={row.state}>
        <Table.Td className="figures">{moment(row.at, i18n.language)}</Table.Td>
        <Table.Td title={row.event}>{t(`event.${row.type.replace(".", "_")}`, { defaultValue: row.type })}</Table.Td>
        <Table.Td>
          {t(`webhook.delivery.${row.state}`)}
          {row.error && (
            <Text size="xs" c="dimmed">
              {row.error}
            </Text>
          )}
          {row.state === "waiting" && row.attempts > 0 && row.due_at !== null && (
            <Text size="xs" c="dimmed">
              {t("webhook.again", { time: moment(row.due_at, i18n.language) })}
            </Text>
          )}
        </Table.Td>
        <Table.Td ta="right">
          <Group gap="xs" justify="flex-end" wrap="nowrap">
            <Button size="compact-xs" variant="subtle" aria-expanded={open} onClick={onOpen}>
              {t("webhook.tries", { count: row.attempts })}
            </Button>
            <Button size="compact-xs" variant="default" onClick={onResend} data-testid={`resend-${row.type}`}>
              {t("webhook.resend")}
            </Button>
          </Group>
        </Table.Td>
      </Table.Tr>
      {open && (
        <Table.Tr>
          <Table.Td colSpan={4}>
            <Tries webhook={webhook} event={row.event} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

function Tries({ webhook, event }: { webhook: string; event: string }) {
  const { t, i18n } = useTranslation();
  const found = useQuery({ queryKey: ["webhooks", webhook, "tries", event], queryFn: () => tries(webhook, event) });
  if (found.isPending) return <Waiting />;
  if (found.error) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  if (found.data.length === 0) return <Text size="sm">{t("webhook.noTries")}</Text>;
  return (
    <Stack gap={4} data-testid="tries">
      {found.data.map((one) => (
        <Text key={one.id} size="xs" style={{ overflowWrap: "anywhere" }}>
          {t("webhook.try", { time: moment(one.at, i18n.language), ms: one.duration_ms, came: one.error ?? String(one.status ?? "") })} {one.response}
        </Text>
      ))}
    </Stack>
  );
}

function Disable({ id, onDone }: { id: string; onDone: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [why, setWhy] = useState("");
  const disable = useMutation({
    mutationFn: () => disableWebhook(id, why.trim()),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["webhooks"] });
      onDone();
    },
  });
  return (
    <Stack>
      <Text size="sm">{t("webhook.disableText")}</Text>
      <TextInput label={t("webhook.why")} value={why} onChange={(event) => setWhy(event.currentTarget.value)} required data-autofocus data-testid="webhook-why" />
      {disable.error && <ProblemAlert error={disable.error} />}
      <Group justify="flex-end">
        <Button disabled={why.trim() === ""} loading={disable.isPending} onClick={() => disable.mutate()} data-testid="webhook-disable-do">
          {t("webhook.disable")}
        </Button>
      </Group>
    </Stack>
  );
}

function Rotate({ id, onSecret }: { id: string; onSecret: (secret: string) => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [keep, setKeep] = useState<string | number>(24);
  const hours = Number(keep);
  const fits = String(keep).trim() !== "" && Number.isInteger(hours) && hours >= 0 && hours <= 720;
  const rotate = useMutation({
    mutationFn: () => rotateWebhook(id, hours),
    onSuccess: async (made) => {
      await queries.invalidateQueries({ queryKey: ["webhooks"] });
      onSecret(made.secret);
    },
  });
  return (
    <Stack>
      <NumberInput label={t("webhook.keep")} description={t("webhook.keepNote")} value={keep} onChange={setKeep} min={0} max={720} clampBehavior="none" error={fits ? null : t("controls.range", { max: 720 })} data-autofocus />
      {rotate.error && <ProblemAlert error={rotate.error} />}
      <Group justify="flex-end">
        <Button disabled={!fits} loading={rotate.isPending} onClick={() => rotate.mutate()} data-testid="webhook-rotate-do">
          {t("webhook.rotate")}
        </Button>
      </Group>
    </Stack>
  );
}

function Remove({ id, onCancel, onGone }: { id: string; onCancel: () => void; onGone: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => removeWebhook(id),
    onSuccess: async () => {
      onGone();
      await queries.invalidateQueries({ queryKey: ["webhooks"], exact: true });
    },
  });
  return (
    <Stack>
      <Text size="sm">{t("webhook.removeText")}</Text>
      {remove.error && <ProblemAlert error={remove.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onCancel}>
          {t("general.cancel")}
        </Button>
        <Button color="red" loading={remove.isPending} onClick={() => remove.mutate()} data-testid="webhook-remove-do">
          {t("webhook.remove")}
        </Button>
      </Group>
    </Stack>
  );
}
