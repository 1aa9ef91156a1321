import { screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { Me, OrderView } from "../api/types";
import { show } from "../test/show";
import { OrdersPage } from "./OrdersPage";

vi.mock("../api/client", async (original) => ({
  ...(await original<typeof client>()),
  orders: vi.fn(),
  orderCounts: vi.fn(),
  campaigns: vi.fn(),
  importOrders: vi.fn(),
}));

const order = (changed: Partial<OrderView>): OrderView => ({
  order: "100014",
  campaign: "spring",
  call: { direction: "outbound", id: "att_0000000000001" },
  lead: null,
  number: "+8613800138000",
  agent: "mei",
  state: "confirmed",
  state_at: 1_795_318_496_000,
  next: ["dispatched", "cancelled"],
  items: [{ name: "card", quantity: 2, price: 10 }],
  currency: "CNY",
  value: 20,
  recipient: "王芳",
  address: "",
  note: "",
  carrier: "",
  tracking: "",
  attention: null,
  opened_at: 1_795_318_496_000,
  erased_at: null,
  ...changed,
});

const manager = { role: "manager", login: "boss", name: "Boss", language: "en" } as Me;

beforeEach(() => {
  vi.mocked(client.campaigns).mockResolvedValue([]);
  vi.mocked(client.orderCounts).mockResolvedValue([{ state: "confirmed", currency: "CNY", orders: 2, value: 40 }]);
});

test("orders are shown with their state and value, and those to be looked at say so", async () => {
  vi.mocked(client.orders).mockResolvedValue({
    items: [order({}), order({ order: "100027", state: "dispatched", attention: "result_corrected" })],
    next_cursor: null,
  });
  show(<OrdersPage me={manager} />);
  const first = await screen.findByTestId("order-100014");
  expect(within(first).getByText("2 × card")).toBeTruthy();
  expect(within(first).queryByText("Look at it")).toBeNull();
  expect(within(screen.getByTestId("order-100027")).getByText("Look at it")).toBeTruthy();
  expect((await screen.findByTestId("count-confirmed")).textContent).toContain("Confirmed: 2");
  expect(screen.getByTestId("order-import")).toBeTruthy();
});

test("without orders the page says how they come to be, and marketing brings no files in", async () => {
  vi.mocked(client.orders).mockResolvedValue({ items: [], next_cursor: null });
  show(<OrdersPage me={{ ...manager, role: "marketing" }} />);
  expect((await screen.findByTestId("empty")).textContent).toContain("[order]");
  expect(screen.queryByTestId("order-import")).toBeNull();
});
