import { Button, Checkbox, Group, MultiSelect, Select, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { addWebhook, campaigns, changeWebhook } from "../api/client";
import { EVENT_TYPES, type EventType, type WebhookAdded, type WebhookView } from "../api/types";
import { ProblemAlert } from "../shell/ProblemAlert";

interface Props {
  /** What is changed; null to add one. */
  webhook: WebhookView | null;
  onDone: (added: WebhookAdded | null) => void;
}

/** Where events go and which. Of an endpoint that is there only what differs is sent, so that two people do not undo each other. */
export function WebhookForm({ webhook, onDone }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [name, setName] = useState(webhook?.name ?? "");
  const [url, setUrl] = useState(webhook?.url ?? "");
  const [all, setAll] = useState(webhook !== null && webhook.events === null);
  const [events, setEvents] = useState<string[]>(webhook?.events ?? []);
  const [campaign, setCampaign] = useState(webhook?.campaign ?? null);
  const known = useQuery({ queryKey: ["campaigns", "all"], queryFn: campaigns });
  const wanted = { name: name.trim(), url: url.trim(), events: all ? null : (events as EventType[]), campaign };
  const save = useMutation({
    mutationFn: async (): Promise<WebhookAdded | null> => {
      if (webhook === null) return addWebhook(wanted);
      await changeWebhook(webhook.id, differing(webhook, wanted));
      return null;
    },
    onSuccess: async (added) => {
      await queries.invalidateQueries({ queryKey: ["webhooks"] });
      onDone(added);
    },
  });
  const unchanged = webhook !== null && Object.keys(differing(webhook, wanted)).length === 0;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack>
        <TextInput label={t("webhook.name")} description={t("webhook.nameNote")} value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={60} required data-autofocus data-testid="webhook-name" />
        <TextInput type="url" label={t("webhook.url")} description={t("webhook.urlNote")} placeholder="https://" value={url} onChange={(event) => setUrl(event.currentTarget.value)} required data-testid="webhook-url" />
        <Checkbox label={t("webhook.allEvents")} description={t("webhook.allEventsNote")} checked={all} onChange={(event) => setAll(event.currentTarget.checked)} data-testid="webhook-all" />
        {!all && (
          <MultiSelect
            label={t("webhook.events")}
            data={EVENT_TYPES.map((event) => ({ value: event, label: t(`event.${event.replace(".", "_")}`) }))}
            value={events}
            onChange={setEvents}
            searchable
            data-testid="webhook-events"
          />
        )}
        <Select
          label={t("webhook.campaign")}
          description={t("webhook.campaignNote")}
          placeholder={t("webhook.allCampaigns")}
          data={(known.data ?? []).map((one) => ({ value: one.key, label: one.title }))}
          value={campaign}
          onChange={setCampaign}
          clearable
          searchable
        />
        {save.error && <ProblemAlert error={save.error} />}
        <Group justify="flex-end">
          <Button
            type="submit"
            disabled={wanted.name === "" || wanted.url === "" || (!all && events.length === 0) || unchanged}
            loading={save.isPending}
            data-testid="webhook-save"
          >
            {t(webhook === null ? "webhook.add" : "webhook.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

type Wanted = { name: string; url: string; events: EventType[] | null; campaign: string | null };

/** What differs from what is there. */
export function differing(webhook: WebhookView, wanted: Wanted): Partial<Wanted> {
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const sorted = (events: EventType[] | null) => (events === null ? null : [...events].sort());
  return {
    ...(webhook.name === wanted.name ? {} : { name: wanted.name }),
    ...(webhook.url === wanted.url ? {} : { url: wanted.url }),
    ...(same(sorted(webhook.events), sorted(wanted.events)) ? {} : { events: wanted.events }),
    ...(webhook.campaign === wanted.campaign ? {} : { campaign: wanted.campaign }),
  };
}
