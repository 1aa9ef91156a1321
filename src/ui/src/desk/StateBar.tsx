import { Badge, Button, Card, Group, Menu, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { reasons } from "../api/client";
import type { AgentAction, AgentView } from "../api/types";
import { stateColour } from "../board/AgentStates";
import { PhoneLamp } from "../board/AgentTable";
import { duration } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { useNow } from "../useNow";

interface Props {
  view: AgentView;
  act: (action: AgentAction) => Promise<void>;
}

/** What the agent is doing and since when, and what to do next. */
export function StateBar({ view, act }: Props) {
  const { t } = useTranslation();
  const now = useNow();
  const change = useMutation({ mutationFn: (action: AgentAction) => act(action) });
  const busy = view.call !== null;
  return (
    <Card withBorder padding="sm" className="card" component="section" aria-label={t("desk.myState")}>
      <Group justify="space-between" wrap="wrap" gap="sm">
        <Group gap="sm" wrap="wrap">
          <Badge
            size="xl"
            radius="sm"
            tt="none"
            variant="light"
            color={stateColour(view.state)}
            leftSection={<Icon name={view.state} />}
            data-testid="my-state"
            data-state={view.state}
          >
            {t(`agentState.${view.state}`)}
          </Badge>
          <Text role="timer" aria-live="off" fz="xl" fw={600} className="figures" data-testid="state-timer">
            {duration(now - view.since)}
          </Text>
          {view.state === "not_ready" && view.reason && (
            <Text>{t(`reason.${view.reason}`, { defaultValue: view.reason })}</Text>
          )}
          {view.pause_next && (
            <Badge color="gray" variant="outline" tt="none" leftSection={<Icon name="pause" size={12} />} data-testid="pause-next">
              {t("desk.pauseNext", { reason: t(`reason.${view.pause_next}`, { defaultValue: view.pause_next }) })}
            </Badge>
          )}
          <PhoneLamp up={view.phone_up} />
        </Group>
        <Group gap="xs">
          <Button
            leftSection={<Icon name="ready" />}
            color="teal"
            variant={view.state === "ready" ? "default" : "filled"}
            disabled={view.state === "ready" || view.state === "previewing" || view.state === "connecting" || (busy && !view.pause_next)}
            loading={change.isPending && change.variables.action === "ready"}
            onClick={() => change.mutate({ action: "ready" })}
            data-testid="go-ready"
          >
            {busy && view.pause_next ? t("desk.cancelPause") : t("desk.goReady")}
          </Button>
          <PauseMenu busy={busy} disabled={view.state === "connecting"} onPause={(reason) => change.mutate({ action: "not_ready", reason })} />
          <Button
            variant="subtle"
            color="gray"
            disabled={busy}
            leftSection={<Icon name="offline" />}
            onClick={() => change.mutate({ action: "sign_out" })}
            data-testid="desk-sign-out"
          >
            {t("desk.signOut")}
          </Button>
        </Group>
      </Group>
      {change.error && <ProblemAlert error={change.error} mt="sm" />}
    </Card>
  );
}

/** Reasons for a pause; during a call the pause begins after it. */
function PauseMenu({ busy, disabled, onPause }: { busy: boolean; disabled: boolean; onPause: (reason: string) => void }) {
  const { t } = useTranslation();
  const known = useQuery({ queryKey: ["reasons"], queryFn: reasons, staleTime: 60_000 });
  return (
    <Menu position="bottom-end" withArrow>
      <Menu.Target>
        <Button variant="default" disabled={disabled} leftSection={<Icon name="pause" />} data-testid="go-not-ready">
          {t(busy ? "desk.pauseAfter" : "desk.goNotReady")} ▾
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {known.error && <ProblemAlert error={known.error} onRetry={() => void known.refetch()} />}
        {(known.data ?? []).map((reason) => (
          <Menu.Item key={reason} onClick={() => onPause(reason)} data-testid={`reason-${reason}`}>
            {t(`reason.${reason}`, { defaultValue: reason })}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
