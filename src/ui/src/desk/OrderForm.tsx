import { Group, NumberInput, Stack, Text, TextInput, Textarea, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Problem } from "../api/problem";
import type { Campaign } from "../api/types";
import { money } from "../orders/money";
import type { OrderDraft } from "./draft";

type Rules = NonNullable<Campaign["order"]>;

/** How many of an item: what the agent said, or what is ordered usually. */
export function quantityOf(rules: Rules, draft: OrderDraft, name: string): number {
  return draft.quantities[name] ?? rules.items.find((item) => item.name === name)?.quantity ?? 0;
}

/** What is sent with an accepted result. */
export function orderOf(rules: Rules, draft: OrderDraft) {
  return {
    items: rules.items.map((item) => ({ name: item.name, quantity: quantityOf(rules, draft, item.name) })),
    recipient: draft.recipient.trim(),
    address: draft.address.trim(),
    note: draft.note.trim(),
  };
}

interface Props {
  rules: Rules;
  draft: OrderDraft;
  problem: Problem | null;
  onChange: (draft: OrderDraft) => void;
}

/** What the customer orders: the campaign's items with the usual quantities, who takes it, and where to. */
export function OrderForm({ rules, draft, problem, onChange }: Props) {
  const { t, i18n } = useTranslation();
  const wrong = (field: string) =>
    problem?.code === "bad_order" ? (problem.errors.find((one) => one.pointer?.endsWith(`/${field}`))?.detail ?? null) : null;
  const value = rules.items.reduce((sum, item) => sum + item.price * quantityOf(rules, draft, item.name), 0);
  return (
    <Stack gap="xs" component="section" aria-label={t("orderForm.title")} data-testid="order-form">
      <Title order={3} fz="sm">
        {t("orderForm.title")}
      </Title>
      {rules.items.map((item) => (
        <Group key={item.name} justify="space-between" wrap="nowrap">
          <div>
            <Text size="sm">{item.name}</Text>
            <Text size="xs" c="dimmed" className="figures">
              {money(item.price, rules.currency, i18n.language)}
            </Text>
          </div>
          <NumberInput
            aria-label={t("orderForm.quantity", { name: item.name })}
            value={quantityOf(rules, draft, item.name)}
            onChange={(quantity) => onChange({ ...draft, quantities: { ...draft.quantities, [item.name]: Number(quantity) || 0 } })}
            min={0}
            max={item.quantity_max}
            allowDecimal={false}
            w={90}
            data-testid={`quantity-${item.name}`}
          />
        </Group>
      ))}
      {wrong("items") && (
        <Text size="sm" c="var(--mantine-color-red-text)" role="alert">
          {wrong("items")}
        </Text>
      )}
      <TextInput
        label={t("orderForm.recipient")}
        value={draft.recipient}
        onChange={(event) => onChange({ ...draft, recipient: event.currentTarget.value })}
        maxLength={100}
        error={wrong("recipient")}
        data-testid="order-recipient"
      />
      <Textarea
        label={t("orderForm.address")}
        required={rules.address_required}
        value={draft.address}
        onChange={(event) => onChange({ ...draft, address: event.currentTarget.value })}
        autosize
        minRows={2}
        maxLength={500}
        error={wrong("address")}
        data-testid="order-address"
      />
      <TextInput
        label={t("orderForm.note")}
        value={draft.note}
        onChange={(event) => onChange({ ...draft, note: event.currentTarget.value })}
        maxLength={500}
        error={wrong("note")}
      />
      <Text size="sm" className="figures" data-testid="order-value">
        {t("orderForm.value", { value: money(value, rules.currency, i18n.language) })}
      </Text>
    </Stack>
  );
}
