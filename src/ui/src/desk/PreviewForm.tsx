import { Button, Card, Group, Menu, Stack, Text, Textarea, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useReducer } from "react";
import { useTranslation } from "react-i18next";
import type { AgentAction, Campaign, DeskCall, DeskPreview } from "../api/types";
import { duration } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { useNow } from "../useNow";
import { changed, keepDraft, keptDraft, leadKey } from "./draft";

/** From here on the end of the time is announced (WCAG 2.2.1). */
const WARN_MS = 20_000;

interface Props {
  preview: DeskPreview;
  campaign: Campaign | null;
  act: (action: AgentAction) => Promise<void>;
}

/** The lead before it is called, as the parts of the desk that show calls take it. */
export function asCall(preview: DeskPreview, since: number): DeskCall {
  return {
    call: { direction: "outbound", id: preview.lead },
    campaign: preview.campaign,
    lead: preview.lead,
    queue: null,
    number: preview.number,
    since,
    waited_ms: 0,
    answered: false,
    recorded: false,
  };
}

/** What the agent decides: to call, or to pass the lead over. A note is kept with the lead and goes on into the call. */
export function PreviewForm({ preview, campaign, act }: Props) {
  const { t } = useTranslation();
  const { lead } = preview;
  const [draft, change] = useReducer(changed, leadKey(lead), keptDraft);
  useEffect(() => keepDraft(leadKey(lead), draft), [lead, draft]);
  const decide = useMutation({ mutationFn: (action: AgentAction) => act(action) });
  const reasons = campaign?.pacing.mode === "preview" ? campaign.pacing.skip_reasons : [];
  const skips = preview.skips_left;
  return (
    <Card withBorder className="card" padding="md" component="section" aria-label={t("preview.title")} data-testid="preview">
      <Stack gap="sm">
        <Title order={2} fz="md">
          {t("preview.title")}
        </Title>
        <TimeLeft preview={preview} />
        <Group gap="sm">
          <Button
            size="md"
            leftSection={<Icon name="phone" />}
            loading={decide.isPending && decide.variables.action === "start_call"}
            onClick={() => decide.mutate({ action: "start_call", lead })}
            data-testid="start-call"
          >
            {t("preview.start")}
          </Button>
          <Menu position="bottom-start" withArrow>
            <Menu.Target>
              <Button
                variant="default"
                disabled={skips === 0}
                loading={decide.isPending && decide.variables.action === "skip_lead"}
                data-testid="skip-lead"
              >
                {t("preview.skip")} ▾
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {reasons.map((reason) => (
                <Menu.Item key={reason} onClick={() => decide.mutate({ action: "skip_lead", lead, reason })} data-testid={`skip-${reason}`}>
                  {t(`skipReason.${reason}`, { defaultValue: reason })}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        </Group>
        {skips !== null && (
          <Text size="sm" c="dimmed" data-testid="skips-left">
            {skips === 0 ? t("preview.noSkips") : t("preview.skipsLeft", { left: skips })}
          </Text>
        )}
        {decide.error && <ProblemAlert error={decide.error} />}
        <Textarea
          label={t("result.note")}
          description={t("preview.noteKept")}
          value={draft.note}
          onChange={(event) => change({ type: "noted", note: event.currentTarget.value })}
          autosize
          minRows={2}
          maxRows={8}
          data-testid="preview-note"
        />
      </Stack>
    </Card>
  );
}

function TimeLeft({ preview }: { preview: DeskPreview }) {
  const { t } = useTranslation();
  const now = useNow(500);
  const left = preview.until - now;
  const soon = left <= WARN_MS;
  return (
    <div>
      <Text
        role="timer"
        aria-live="off"
        className="figures"
        fw={600}
        c={soon ? "var(--mantine-color-red-text)" : undefined}
        data-testid="preview-left"
      >
        {t("preview.left", { left: duration(left + 999) })}
      </Text>
      <Text size="sm" c="dimmed">
        {t(`preview.then.${preview.on_time_out}`)}
      </Text>
      {/* One sentence, once: a countdown read aloud every second would drown the rest. */}
      <span role="status" className="only-read">
        {soon ? t("preview.soon") : ""}
      </span>
    </div>
  );
}
