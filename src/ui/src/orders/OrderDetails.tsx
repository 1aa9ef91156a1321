import { Alert, Anchor, Button, Group, Modal, Stack, Table, Text, TextInput, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { changeOrder, order as askOrder } from "../api/client";
import type { OrderChangeRequest, OrderDetail, OrderState } from "../api/types";
import { moment, phone } from "../format";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { money } from "./money";
import { StateBadge } from "./StateBadge";

interface Props {
  order: string;
  manager: boolean;
  onClose: () => void;
}

/** One order: what was ordered, where it goes, what became of it, and what may come next. */
export function OrderDetails({ order, manager, onClose }: Props) {
  const { t } = useTranslation();
  const found = useQuery({ queryKey: ["orders", "one", order], queryFn: () => askOrder(order) });
  return (
    <Modal opened onClose={onClose} title={t("orders.one", { order })} size="lg" closeButtonProps={{ "aria-label": t("orders.close") }}>
      {found.error && <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />}
      {found.isPending && <Waiting />}
      {found.data && <Loaded detail={found.data} manager={manager} />}
    </Modal>
  );
}

function Loaded({ detail, manager }: { detail: OrderDetail; manager: boolean }) {
  const { t, i18n } = useTranslation();
  const { order, history } = detail;
  return (
    <Stack data-testid="order-details" data-state={order.state}>
      <Group justify="space-between">
        <StateBadge order={order} />
        <Text className="figures">{money(order.value, order.currency, i18n.language)}</Text>
      </Group>
      {order.attention !== null && <Alert color="orange">{t("orders.attentionNote")}</Alert>}
      {order.erased_at !== null && <Text size="sm">{t("orders.erasedAt", { time: moment(order.erased_at, i18n.language) })}</Text>}
      <Table fz="sm" verticalSpacing={4}>
        <Table.Tbody>
          {order.items.map((item) => (
            <Table.Tr key={item.name}>
              <Table.Td>
                {item.quantity} × {item.name}
              </Table.Td>
              <Table.Td ta="right" className="figures">
                {money(item.price, order.currency, i18n.language)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Stack gap={2}>
        {order.number !== null && (
          <Text size="sm" className="figures">
            {manager ? (
              <Anchor component={Link} to={`/customers?number=${encodeURIComponent(order.number)}`} size="sm">
                {phone(order.number)}
              </Anchor>
            ) : (
              phone(order.number)
            )}
          </Text>
        )}
        <Text size="sm">{[order.recipient, order.address].filter(Boolean).join(", ")}</Text>
        {order.note && <Text size="sm" className="prewrap">{order.note}</Text>}
        {(order.carrier || order.tracking) && (
          <Text size="sm">
            {order.carrier} {order.tracking}
          </Text>
        )}
      </Stack>
      {manager && <Change key={order.state} detail={detail} />}
      <History detail={detail} />
      <Text size="xs" c="dimmed">
        {t("orders.placed", { campaign: order.campaign, agent: order.agent ?? "–", entries: history.length })}
      </Text>
    </Stack>
  );
}

function History({ detail }: { detail: OrderDetail }) {
  const { t, i18n } = useTranslation();
  return (
    <Table fz="sm" verticalSpacing={4} aria-label={t("orders.history")} data-testid="order-history">
      <Table.Tbody>
        {detail.history.map((change, place) => (
          // Only ever added to.
          <Table.Tr key={place}>
            <Table.Td className="figures">{moment(change.at, i18n.language)}</Table.Td>
            <Table.Td>{t(`orders.states.${change.state}`)}</Table.Td>
            <Table.Td>
              {t("orders.by", { by: change.by, source: t(`orders.sources.${change.source}`, { defaultValue: change.source }) })}
              {change.detail && ` · ${change.detail}`}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** What a manager says of it: the state that it came into, and where it goes until it has left. */
function Change({ detail }: { detail: OrderDetail }) {
  const { t } = useTranslation();
  const { order } = detail;
  const client = useQueryClient();
  const [carrier, setCarrier] = useState(order.carrier);
  const [tracking, setTracking] = useState(order.tracking);
  const [why, setWhy] = useState("");
  const [recipient, setRecipient] = useState(order.recipient);
  const [address, setAddress] = useState(order.address);
  const change = useMutation({
    mutationFn: (body: OrderChangeRequest) => changeOrder(order.order, body),
    onSuccess: (now) => {
      client.setQueryData(["orders", "one", order.order], now);
      void client.invalidateQueries({ queryKey: ["orders"] });
    },
  });
  const move = (state: OrderState) =>
    change.mutate({ state, detail: why, ...(state === "dispatched" ? { carrier, tracking } : {}) });
  const moves = order.next.length > 0;
  return (
    <Stack gap="xs">
      {order.state === "confirmed" && order.erased_at === null && (
        <>
          <TextInput label={t("orders.recipient")} value={recipient} onChange={(event) => setRecipient(event.currentTarget.value)} maxLength={100} />
          <Textarea label={t("orders.address")} value={address} onChange={(event) => setAddress(event.currentTarget.value)} autosize maxLength={500} data-testid="order-address" />
          <Group justify="flex-end">
            <Button
              variant="default"
              size="xs"
              disabled={recipient === order.recipient && address === order.address}
              onClick={() => change.mutate({ detail: "", seen: false, recipient, address })}
              data-testid="order-save-address"
            >
              {t("orders.saveAddress")}
            </Button>
          </Group>
          <Group grow>
            <TextInput label={t("orders.carrier")} value={carrier} onChange={(event) => setCarrier(event.currentTarget.value)} maxLength={100} />
            <TextInput label={t("orders.tracking")} value={tracking} onChange={(event) => setTracking(event.currentTarget.value)} maxLength={100} data-testid="order-tracking" />
          </Group>
        </>
      )}
      {moves && <TextInput label={t("orders.detail")} value={why} onChange={(event) => setWhy(event.currentTarget.value)} maxLength={500} />}
      {change.error && <ProblemAlert error={change.error} />}
      <Group>
        {order.next.map((state) => (
          <Button key={state} size="xs" variant={state === "cancelled" || state === "refused" ? "default" : "filled"} loading={change.isPending} onClick={() => move(state)} data-testid={`order-to-${state}`}>
            {t(`orders.to.${state}`)}
          </Button>
        ))}
        {order.attention !== null && (
          <Button size="xs" variant="default" onClick={() => change.mutate({ detail: "", seen: true })}>
            {t("orders.seen")}
          </Button>
        )}
      </Group>
    </Stack>
  );
}
