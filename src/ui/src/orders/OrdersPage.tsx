import { Anchor, Button, Checkbox, Group, Select, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { campaigns, orderCounts, ordersFile, orders as askOrders } from "../api/client";
import { ORDER_STATES, type Me, type OrderState, type OrderView } from "../api/types";
import { Panel } from "../board/Panel";
import { count, moment, phone } from "../format";
import { Icon } from "../icons";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { money } from "./money";
import { OrderDetails } from "./OrderDetails";
import { OrderImport } from "./OrderImport";
import { StateBadge } from "./StateBadge";

/** Orders are opened by results at any time. */
const AGAIN_MS = 15_000;

/** All orders of all campaigns: where each stands, and what becomes of it. */
export function OrdersPage({ me }: { me: Me }) {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const filter = {
    campaign: params.get("campaign") ?? undefined,
    state: ORDER_STATES.find((one) => one === params.get("state")),
    number: params.get("number") ?? undefined,
    attention: params.get("attention") === "true",
  };
  const show = (key: string, value: string | null) => {
    const next = new URLSearchParams(params);
    if (value === null || value === "") next.delete(key);
    else next.set(key, value);
    setParams(next, { replace: true });
  };
  const pages = useInfiniteQuery({
    queryKey: ["orders", filter],
    queryFn: ({ pageParam }) => askOrders({ ...filter, ...(pageParam ? { cursor: pageParam } : {}) }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: AGAIN_MS,
  });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const manager = me.role === "manager";
  const unfiltered = !filter.campaign && !filter.state && !filter.number && !filter.attention;
  return (
    <Stack data-testid="orders">
      <Title order={1} fz="h2">
        {t("nav.orders")}
      </Title>
      <Counts campaign={filter.campaign} chosen={filter.state} onChoose={(state) => show("state", state)} />
      <Panel
        title={t("orders.title")}
        actions={
          <Button component="a" href={ordersFile(filter.campaign, filter.state)} variant="default" size="xs" leftSection={<Icon name="download" />} data-testid="orders-export">
            {t("orders.export")}
          </Button>
        }
      >
        <Stack>
          <Filters filter={filter} onShow={show} />
          {pages.error && <ProblemAlert error={pages.error} onRetry={() => void pages.refetch()} />}
          {pages.isPending && <Waiting />}
          {pages.data && rows.length === 0 && (
            <Empty title={t(unfiltered ? "orders.none" : "orders.noneSuch")} next={t(unfiltered ? "orders.noneNext" : "orders.noneSuchNext")} />
          )}
          {rows.length > 0 && <OrderTable rows={rows} onOpen={(order) => show("order", order)} />}
          {pages.hasNextPage && (
            <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()} data-testid="orders-more">
              {t("orders.more")}
            </Button>
          )}
        </Stack>
      </Panel>
      {manager && <OrderImport />}
      {params.get("order") !== null && (
        <OrderDetails order={params.get("order") ?? ""} manager={manager} onClose={() => show("order", null)} />
      )}
    </Stack>
  );
}

interface CountsProps {
  campaign: string | undefined;
  chosen: OrderState | undefined;
  onChoose: (state: OrderState | null) => void;
}

/** How many orders are in each state, and what they are worth; a press shows them. */
function Counts({ campaign, chosen, onChoose }: CountsProps) {
  const { t, i18n } = useTranslation();
  const counted = useQuery({ queryKey: ["orders", "counts", campaign], queryFn: () => orderCounts(campaign), refetchInterval: AGAIN_MS });
  const lines = counted.data ?? [];
  if (lines.length === 0) return null;
  return (
    <Group gap="xs" role="group" aria-label={t("orders.counts")} data-testid="order-counts">
      {ORDER_STATES.filter((state) => lines.some((line) => line.state === state)).map((state) => {
        const here = lines.filter((line) => line.state === state);
        const orders = here.reduce((sum, line) => sum + line.orders, 0);
        return (
          <Button
            key={state}
            variant={chosen === state ? "filled" : "default"}
            aria-pressed={chosen === state}
            size="compact-md"
            onClick={() => onChoose(chosen === state ? null : state)}
            data-testid={`count-${state}`}
          >
            {t(`orders.states.${state}`)}: {count(orders, i18n.language)} ·{" "}
            {here.map((line) => money(line.value, line.currency, i18n.language)).join(" + ")}
          </Button>
        );
      })}
    </Group>
  );
}

interface FiltersProps {
  filter: { campaign: string | undefined; state: OrderState | undefined; number: string | undefined; attention: boolean };
  onShow: (key: string, value: string | null) => void;
}

function Filters({ filter, onShow }: FiltersProps) {
  const { t } = useTranslation();
  const all = useQuery({ queryKey: ["campaigns", "all"], queryFn: campaigns });
  const [typed, setTyped] = useState(filter.number ?? "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    // An order number has no sign before it and no more than 18 digits; a customer's is looked for by the service.
    onShow("number", typed.trim() === "" ? null : typed.trim());
  };
  return (
    <form onSubmit={submit}>
      <Group align="flex-end">
        <Select
          label={t("orders.campaign")}
          placeholder={t("orders.all")}
          data={(all.data ?? []).map((one) => ({ value: one.key, label: one.title }))}
          value={filter.campaign ?? null}
          onChange={(value) => onShow("campaign", value)}
          clearable
          searchable
        />
        <Select
          label={t("orders.state")}
          placeholder={t("orders.all")}
          data={ORDER_STATES.map((state) => ({ value: state, label: t(`orders.states.${state}`) }))}
          value={filter.state ?? null}
          onChange={(value) => onShow("state", value)}
          clearable
          data-testid="orders-state"
        />
        <TextInput
          label={t("orders.number")}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          inputMode="tel"
          data-testid="orders-number"
        />
        <Button type="submit" variant="default">
          {t("orders.find")}
        </Button>
        <Checkbox
          label={t("orders.attentionOnly")}
          checked={filter.attention}
          onChange={(event) => onShow("attention", event.currentTarget.checked ? "true" : null)}
          pb={8}
        />
      </Group>
    </form>
  );
}

function OrderTable({ rows, onOpen }: { rows: OrderView[]; onOpen: (order: string) => void }) {
  const { t, i18n } = useTranslation();
  return (
    <Table.ScrollContainer minWidth={800}>
      <Table fz="sm" verticalSpacing={6} data-testid="order-table">
        <Table.Thead>
          <Table.Tr>
            {(["order", "state", "customer", "items", "value", "carrier", "opened"] as const).map((name) => (
              <Table.Th key={name}>{t(`orders.column.${name}`)}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.order} data-testid={`order-${row.order}`} data-state={row.state}>
              <Table.Td className="figures">
                <Anchor component="button" type="button" size="sm" onClick={() => onOpen(row.order)}>
                  {row.order}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <StateBadge order={row} />
              </Table.Td>
              <Table.Td>
                <Text size="sm">{row.recipient}</Text>
                <Text size="sm" className="figures">
                  {row.number === null && row.erased_at !== null ? t("orders.erased") : phone(row.number)}
                </Text>
              </Table.Td>
              <Table.Td>{row.items.map((item) => `${item.quantity} × ${item.name}`).join(", ")}</Table.Td>
              <Table.Td className="figures">{money(row.value, row.currency, i18n.language)}</Table.Td>
              <Table.Td>
                {row.carrier} {row.tracking}
              </Table.Td>
              <Table.Td className="figures">{moment(row.opened_at, i18n.language)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
