import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { findOrders } from "../api/client";
import type { OrderView } from "../api/types";
import { moment } from "../format";
import { money } from "../orders/money";
import { StateBadge } from "../orders/StateBadge";
import { ProblemAlert } from "../shell/ProblemAlert";

/** The customer's orders, latest first, where there is a customer; and a way to find one by its number or by another number of the customer. */
export function Orders({ orders }: { orders: OrderView[] | null }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const found = useMutation({ mutationFn: (text: string) => findOrders(text) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed.trim() !== "") found.mutate(typed.trim());
  };
  return (
    <Stack gap={6} data-testid="desk-orders">
      {orders !== null && (
        <Text size="xs" c="dimmed">
          {t("orders.desk.title")}
        </Text>
      )}
      {orders?.length === 0 && <Text size="sm">{t("orders.desk.none")}</Text>}
      {orders?.slice(0, 5).map((order) => <One key={order.order} order={order} />)}
      <form onSubmit={submit}>
        <Group gap={6} wrap="nowrap" align="flex-end">
          <TextInput
            size="xs"
            label={t("orders.desk.find")}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            inputMode="tel"
            data-testid="find-order"
          />
          <Button type="submit" size="xs" variant="default" loading={found.isPending} data-testid="find-order-do">
            {t("orders.find")}
          </Button>
        </Group>
      </form>
      {found.error && <ProblemAlert error={found.error} />}
      {found.data && found.data.length === 0 && (
        <Text size="sm" role="status">
          {t("orders.desk.notFound")}
        </Text>
      )}
      {found.data?.map((order) => <One key={order.order} order={order} />)}
    </Stack>
  );
}

function One({ order }: { order: OrderView }) {
  const { t, i18n } = useTranslation();
  return (
    <div data-testid={`desk-order-${order.order}`}>
      <Group gap={6}>
        <Text size="sm" fw={600} className="figures">
          {order.order}
        </Text>
        <StateBadge order={order} />
      </Group>
      <Text size="sm">
        {order.items.map((item) => `${item.quantity} × ${item.name}`).join(", ")} · {money(order.value, order.currency, i18n.language)}
      </Text>
      <Text size="xs" c="dimmed">
        {t("orders.desk.since", { time: moment(order.state_at, i18n.language) })}
        {order.tracking ? ` · ${order.carrier} ${order.tracking}` : ""}
      </Text>
      {order.address && (
        <Text size="xs" c="dimmed">
          {[order.recipient, order.address].filter(Boolean).join(", ")}
        </Text>
      )}
    </div>
  );
}
