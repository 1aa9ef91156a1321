import { Badge, Group, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { AgentView } from "../api/types";
import { duration } from "../format";
import { Icon } from "../icons";
import { Empty } from "../shell/Empty";
import { useNow } from "../useNow";
import { stateColour } from "./AgentStates";

/** Everyone who is signed in, those longest in their state first. */
export function AgentTable({ agents }: { agents: AgentView[] }) {
  const { t } = useTranslation();
  const now = useNow();
  if (agents.length === 0) return <Empty title={t("board.noAgents")} next={t("board.noAgentsNext")} />;
  const sorted = [...agents].sort((a, b) => a.since - b.since);
  return (
    <Table.ScrollContainer minWidth={520} mah={360}>
      <Table verticalSpacing={4} fz="sm" stickyHeader>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("board.agent")}</Table.Th>
            <Table.Th>{t("board.state")}</Table.Th>
            <Table.Th>{t("board.inState")}</Table.Th>
            <Table.Th>{t("board.phone")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {sorted.map((agent) => (
            <Table.Tr key={agent.user} data-testid={`agent-${agent.user}`}>
              <Table.Td>{agent.name}</Table.Td>
              <Table.Td>
                <AgentStateBadge agent={agent} />
              </Table.Td>
              <Table.Td className="figures">{duration(now - agent.since)}</Table.Td>
              <Table.Td>
                <PhoneLamp up={agent.phone_up} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function AgentStateBadge({ agent }: { agent: AgentView }) {
  const { t } = useTranslation();
  const direction = agent.call?.call.direction;
  return (
    <Group gap={6} wrap="nowrap">
      <Badge
        variant="light"
        radius="sm"
        tt="none"
        color={stateColour(agent.state)}
        style={{ flex: "none" }}
        leftSection={<Icon name={agent.state} size={12} />}
      >
        {t(`agentState.${agent.state}`)}
      </Badge>
      {direction && (
        <Text size="xs" c="dimmed">
          {t(`direction.${direction}`)}
        </Text>
      )}
      {agent.state === "not_ready" && agent.reason && (
        <Text size="xs" c="dimmed">
          {t(`reason.${agent.reason}`, { defaultValue: agent.reason })}
        </Text>
      )}
    </Group>
  );
}

export function PhoneLamp({ up }: { up: boolean }) {
  const { t } = useTranslation();
  return (
    <Group gap={4} wrap="nowrap" c={up ? "var(--mantine-color-teal-text)" : "var(--mantine-color-red-text)"} data-testid="phone-lamp" data-up={up}>
      <Icon name={up ? "phone" : "down"} size={14} />
      <Text size="sm" c="inherit">
        {t(up ? "phone.up" : "phone.down")}
      </Text>
    </Group>
  );
}
