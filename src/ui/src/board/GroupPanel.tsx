import { Badge, Grid, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { BoardSample, GroupView, Snapshot } from "../api/types";
import { clock, duration, percent } from "../format";
import { Icon } from "../icons";
import { AgentStates } from "./AgentStates";
import { Figure } from "./Figure";
import { GateChanges } from "./GateChanges";
import { GroupControls } from "./GroupControls";
import { IdlenessChart } from "./IdlenessChart";
import { Panel } from "./Panel";

interface Props {
  group: GroupView;
  snapshot: Snapshot;
  history: BoardSample[];
  mayControl: boolean;
  /** Whoever reads may open campaigns and rehearse their traffic. */
  linked: boolean;
}

/** One agent group: its idleness over time, its gate, its slots and its agents. */
export function GroupPanel({ group, snapshot, history, mayControl, linked }: Props) {
  const { t } = useTranslation();
  const [minutes, setMinutes] = useState("15");
  const agents = snapshot.agents.filter((agent) => agent.groups.includes(group.group));
  return (
    <Panel
      title={group.title}
      testId={`group-${group.group}`}
      actions={
        <Group gap="xs" data-tv-hidden>
          <SegmentedControl
            size="xs"
            value={minutes}
            onChange={setMinutes}
            aria-label={t("board.span")}
            data={["5", "15", "60", "120"].map((value) => ({ value, label: t("board.minutes", { count: Number(value) }) }))}
          />
          {mayControl && <GroupControls group={group} linked={linked} />}
        </Group>
      }
    >
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 8 }}>
          <GateLine group={group} at={snapshot.at} />
          <IdlenessChart history={history} group={group} spanMs={Number(minutes) * 60_000} until={snapshot.at} />
          <div data-tv-hidden>
            <GateChanges group={group} />
          </div>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 4 }}>
          <Stack gap="md">
            <GroupFigures group={group} />
            <AgentStates agents={agents} counts={group.agents} />
          </Stack>
        </Grid.Col>
      </Grid>
    </Panel>
  );
}

function GateLine({ group, at }: { group: GroupView; at: number }) {
  const { t, i18n } = useTranslation();
  return (
    <Group gap="sm" mb={6} wrap="wrap">
      <Badge
        size="lg"
        radius="sm"
        tt="none"
        color={group.gate_open ? "teal" : "gray"}
        variant={group.gate_open ? "filled" : "outline"}
        leftSection={<Icon name={group.gate_open ? "open" : "closed"} />}
        data-testid={`gate-${group.group}`}
        data-open={group.gate_open}
      >
        {t(group.gate_open ? "gate.open" : "gate.closed")}
      </Badge>
      <Text size="sm" c="dimmed" className="figures">
        {t("gate.since", {
          time: clock(group.gate_since, i18n.language),
          span: duration(at - group.gate_since),
        })}
      </Text>
      <Text size="sm" c="dimmed">
        {group.gate_mode !== "number"
          ? t(`gate.mode.${group.gate_mode}`)
          : group.gate_open
            ? t("gate.closesBelow", { value: percent(Math.max(0, group.idle_threshold - group.hysteresis)) })
            : t("gate.opensAbove", { value: percent(group.idle_threshold), seconds: group.dwell_s })}
      </Text>
    </Group>
  );
}

function GroupFigures({ group }: { group: GroupView }) {
  const { t } = useTranslation();
  return (
    <Group gap="lg" align="flex-start" wrap="wrap">
      <Figure
        label={t("board.idleness")}
        value={percent(group.idleness)}
        note={t("board.threshold", { value: percent(group.idle_threshold) })}
        testId={`idleness-${group.group}`}
      />
      <Figure
        label={t("board.slots")}
        value={group.slots}
        note={t("board.reserve", { count: group.reserve })}
        testId={`slots-${group.group}`}
      />
      <Figure label={t("board.onInbound")} value={group.inbound_busy} note={t("board.waitingCount", { count: group.waiting })} />
      <Figure label={t("board.onOutbound")} value={group.outbound_busy} note={t("board.staffed", { count: group.staffed })} />
    </Group>
  );
}
