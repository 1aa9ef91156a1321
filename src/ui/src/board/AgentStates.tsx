import { Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AGENT_STATES, type AgentStateCode, type AgentView } from "../api/types";
import { duration } from "../format";
import { Icon } from "../icons";
import { Empty } from "../shell/Empty";
import { useNow } from "../useNow";

const COLOURS: Record<AgentStateCode, string> = {
  ready: "teal",
  previewing: "lime",
  reserved: "yellow",
  talking: "cyan",
  wrap_up: "violet",
  not_ready: "gray",
  connecting: "orange",
};

export function stateColour(state: AgentStateCode): string {
  return COLOURS[state];
}

/** How many agents are in which state, and who has been in it longest. */
export function AgentStates({ agents, counts }: { agents: AgentView[]; counts: Record<string, number> }) {
  const { t } = useTranslation();
  const now = useNow();
  const total = AGENT_STATES.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  if (total === 0) return <Empty title={t("board.noAgents")} next={t("board.noAgentsNext")} />;
  return (
    <Stack gap={2} component="ul" m={0} p={0} style={{ listStyle: "none" }} aria-label={t("board.agentsByState")}>
      {AGENT_STATES.map((state) => {
        const here = agents.filter((agent) => agent.state === state);
        const longest = here.reduce<AgentView | null>(
          (oldest, agent) => (oldest === null || agent.since < oldest.since ? agent : oldest),
          null,
        );
        const inbound = here.filter((agent) => agent.call?.call.direction === "inbound").length;
        const split = state === "talking" && here.length > 0;
        return (
          <Group key={state} component="li" gap="xs" wrap="nowrap" justify="space-between" data-testid={`agents-${state}`}>
            <Group gap={8} wrap="nowrap">
              <Text component="span" c={`var(--mantine-color-${stateColour(state)}-text)`} lh={1} span>
                <Icon name={state} />
              </Text>
              <Text size="sm">{t(`agentState.${state}`)}</Text>
              <Text fw={700} className="figures" data-testid={`count-${state}`}>
                {counts[state] ?? 0}
              </Text>
              {split && (
                <Text size="xs" c="dimmed">
                  {t("board.talkingSplit", { inbound, outbound: here.length - inbound })}
                </Text>
              )}
            </Group>
            {longest && (
              <Text size="xs" c="dimmed" className="figures" truncate>
                {t("board.longest", { span: duration(now - longest.since), name: longest.name })}
              </Text>
            )}
          </Group>
        );
      })}
    </Stack>
  );
}
