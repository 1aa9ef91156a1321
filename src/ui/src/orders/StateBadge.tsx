import { Badge, Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { OrderView } from "../api/types";
import { ORDER_COLOURS } from "./money";

/** Where an order stands; what a person should look at says so. */
export function StateBadge({ order }: { order: Pick<OrderView, "state" | "attention"> }) {
  const { t } = useTranslation();
  return (
    <Group gap={4}>
      <Badge variant="light" color={ORDER_COLOURS[order.state]} tt="none" radius="sm">
        {t(`orders.states.${order.state}`)}
      </Badge>
      {order.attention !== null && (
        <Badge variant="filled" color="orange" tt="none" radius="sm">
          {t("orders.attention")}
        </Badge>
      )}
    </Group>
  );
}
