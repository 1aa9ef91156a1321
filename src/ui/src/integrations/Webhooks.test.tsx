import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { Delivery, WebhookView } from "../api/types";
import { show } from "../test/show";
import { differing } from "./WebhookForm";
import { Webhooks } from "./Webhooks";

const CRM: WebhookView = {
  id: "hook_0000000000001",
  name: "crm",
  url: "https://crm.example/a",
  events: ["result.recorded", "call.ended"],
  campaign: null,
  created_by: "boss",
  created_at: 1,
  succeeded_at: null,
  failing_since: Date.UTC(2026, 10, 23),
  disabled_at: null,
  disabled_why: null,
  secret_before_until: null,
};
const FAILED: Delivery = {
  event: "evt_0000000000001",
  type: "call.ended",
  at: Date.UTC(2026, 10, 23),
  campaign: "spring",
  state: "failed",
  attempts: 10,
  due_at: null,
  finished_at: Date.UTC(2026, 10, 24),
  status: 500,
  error: "answered 500",
};

function showWebhooks() {
  vi.spyOn(client, "webhooks").mockResolvedValue([CRM]);
  vi.spyOn(client, "campaigns").mockResolvedValue([]);
  vi.spyOn(client, "deliveries").mockResolvedValue([FAILED]);
  show(<Webhooks />);
}

test("a secret is shown once, and put away", async () => {
  showWebhooks();
  vi.spyOn(client, "addWebhook").mockResolvedValue({ webhook: { ...CRM, id: "hook_2", name: "new" }, secret: "whsec_abc" });
  fireEvent.click(screen.getByTestId("webhook-add"));
  fireEvent.change(screen.getByTestId("webhook-name"), { target: { value: "new" } });
  fireEvent.change(screen.getByTestId("webhook-url"), { target: { value: "https://crm.example/b" } });
  expect((screen.getByTestId("webhook-save") as HTMLButtonElement).disabled).toBe(true);
  fireEvent.click(screen.getByTestId("webhook-all"));
  fireEvent.click(screen.getByTestId("webhook-save"));
  expect((await screen.findByTestId("secret")).textContent).toBe("whsec_abc");
  expect(client.addWebhook).toHaveBeenCalledWith({ name: "new", url: "https://crm.example/b", events: null, campaign: null });
  fireEvent.click(screen.getByTestId("secret-kept"));
  expect(screen.queryByTestId("secret")).toBeNull();
});

test("an endpoint that fails says so, and one delivery of it is sent again", async () => {
  showWebhooks();
  const resend = vi.spyOn(client, "resendWebhook").mockResolvedValue({ deliveries: 1 });
  fireEvent.click(await screen.findByTestId("webhook-crm"));
  expect(screen.getByTestId("webhooks").textContent).toContain("Failing");
  const row = await screen.findByTestId("delivery-call.ended");
  expect(row.textContent).toContain("answered 500");
  fireEvent.click(screen.getByTestId("resend-call.ended"));
  await waitFor(() => expect(resend).toHaveBeenCalledWith(CRM.id, FAILED.event));
});

test("an endpoint is removed only after it was confirmed", async () => {
  showWebhooks();
  const remove = vi.spyOn(client, "removeWebhook").mockResolvedValue(undefined as never);
  fireEvent.click(await screen.findByTestId("webhook-crm"));
  fireEvent.click(await screen.findByTestId("webhook-remove"));
  expect(remove).not.toHaveBeenCalled();
  fireEvent.click(await screen.findByTestId("webhook-remove-do"));
  await waitFor(() => expect(remove).toHaveBeenCalledWith(CRM.id));
});

test("of a changed endpoint only what differs is sent; the order of events is no difference", () => {
  const same = { name: "crm", url: CRM.url, events: ["call.ended" as const, "result.recorded" as const], campaign: null };
  expect(differing(CRM, same)).toEqual({});
  expect(differing(CRM, { ...same, url: "https://crm.example/b", events: null })).toEqual({ url: "https://crm.example/b", events: null });
});
