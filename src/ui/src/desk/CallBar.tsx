import { Alert, Button, Card, Group, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { AgentAction, AgentView } from "../api/types";
import { duration } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { useNow } from "../useNow";

/** From here on a running-out wrap-up is announced and can be extended in time (WCAG 2.2.1). */
const WARN_MS = 20_000;

interface Props {
  view: AgentView;
  act: (action: AgentAction) => Promise<void>;
}

/** The call's controls, always in the same place. */
export function CallBar({ view, act }: Props) {
  const { t } = useTranslation();
  const now = useNow(500);
  const change = useMutation({ mutationFn: (action: AgentAction) => act(action) });
  const call = view.call;
  const talking = view.state === "talking" || view.state === "reserved";
  return (
    <Card
      withBorder
      padding="sm"
      component="section"
      aria-label={t("desk.call")}
      className={`card call-bar ${call ? `call-${call.call.direction}` : ""}`}
      data-testid="call-bar"
    >
      <Group justify="space-between" mih={36} wrap="wrap" gap="sm">
        <Group gap="sm">
          <Icon name={call ? call.call.direction : "phone"} size={20} />
          <Text fw={600} data-testid="call-direction">
            {call ? (call.answered ? t(`direction.${call.call.direction}Call`) : t("preview.calling")) : t("desk.noCall")}
          </Text>
          {call && talking && (
            <Text role="timer" aria-live="off" className="figures" fz="lg" fw={600} data-testid="call-timer">
              {duration(now - call.since)}
            </Text>
          )}
          {view.state === "wrap_up" && view.until !== undefined && (
            <WrapUp key={call?.call.id} left={view.until - now} onExtend={() => change.mutate({ action: "extend_wrap_up" })} />
          )}
        </Group>
        <Button
          color="red"
          leftSection={<Icon name="hangup" />}
          disabled={view.state !== "talking"}
          loading={change.isPending && change.variables.action === "hang_up"}
          onClick={() => change.mutate({ action: "hang_up" })}
          data-testid="hang-up"
        >
          {t("desk.hangUp")}
        </Button>
      </Group>
      {change.error && <ProblemAlert error={change.error} mt="sm" />}
    </Card>
  );
}

function WrapUp({ left, onExtend }: { left: number; onExtend: () => void }) {
  const { t } = useTranslation();
  const soon = left <= WARN_MS;
  return (
    <Group gap="sm">
      <Text role="timer" aria-live="off" className="figures" fz="lg" fw={600} c={soon ? "var(--mantine-color-red-text)" : undefined} data-testid="wrap-up-left">
        {t("desk.wrapUpLeft", { left: duration(left + 999) })}
      </Text>
      {/* One sentence, once: a countdown read aloud every second would drown the rest. */}
      <span role="status">
        {soon && (
          <Alert color="orange" p={6} icon={<Icon name="warning" />} data-testid="wrap-up-warning">
            {t("desk.wrapUpSoon")}
          </Alert>
        )}
      </span>
      <Button size="xs" variant="default" onClick={onExtend} data-testid="extend-wrap-up">
        {t("desk.extend")}
      </Button>
    </Group>
  );
}
