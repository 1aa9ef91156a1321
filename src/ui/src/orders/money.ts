import type { OrderState } from "../api/types";

/** An amount with its currency, as the language writes it. */
export function money(value: number, currency: string, language: string): string {
  try {
    return new Intl.NumberFormat(language, { style: "currency", currency }).format(value);
  } catch {
    // Three letters that this browser does not take for a currency.
    return `${value.toFixed(2)} ${currency}`;
  }
}

export const ORDER_COLOURS: Record<OrderState, string> = {
  confirmed: "blue",
  dispatched: "cyan",
  delivered: "teal",
  refused: "red",
  returned: "orange",
  cancelled: "gray",
};
