import { Button, Group, SimpleGrid, Stack, Text, Title, useMantineColorScheme } from "@mantine/core";
import { useFullscreenDocument } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Me, Snapshot } from "../api/types";
import { clock } from "../format";
import { Icon } from "../icons";
import { OwedAlert } from "../promises/OwedAlert";
import { useLiveBoard } from "../shell/BoardContext";
import { Empty } from "../shell/Empty";
import { Waiting } from "../shell/Waiting";
import { AgentTable } from "./AgentTable";
import { CampaignCard } from "./CampaignCard";
import { GroupPanel } from "./GroupPanel";
import { Panel } from "./Panel";
import { QueueTable } from "./QueueTable";
import { TrunkTable } from "./TrunkTable";

/** The live picture of agents, queues, campaigns and trunks. */
export function Wallboard({ me }: { me: Me }) {
  const { t } = useTranslation();
  const { snapshot, history, staleSince } = useLiveBoard();
  if (!snapshot) return staleSince === null ? <Waiting /> : null;
  const mayControl = me.role === "manager" || me.role === "operator";
  return (
    <Stack gap="md" data-testid="wallboard">
      <BoardHeader snapshot={snapshot} live={staleSince === null} />
      {snapshot.draining && (
        <Text fw={600} c="orange" role="status">
          {t("board.draining")}
        </Text>
      )}
      {mayControl && <OwedAlert linked={me.role === "manager"} />}
      {snapshot.groups.length === 0 && (
        <Panel title={t("board.groups")}>
          <Empty title={t("board.noGroups")} next={t("board.noGroupsNext")} />
        </Panel>
      )}
      {snapshot.groups.map((group) => (
        <GroupPanel key={group.group} group={group} snapshot={snapshot} history={history} mayControl={mayControl} linked={me.role === "manager"} />
      ))}
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
        <div className="tv-wide">
          <Panel title={t("board.queues")}>
            <QueueTable queues={snapshot.queues} />
          </Panel>
        </div>
        <div data-tv-hidden>
          <Panel title={t("board.agents")}>
            <AgentTable agents={snapshot.agents} />
          </Panel>
        </div>
      </SimpleGrid>
      <Campaigns snapshot={snapshot} me={me} />
      <Panel title={t("board.trunks")}>
        <TrunkTable trunks={snapshot.trunks} />
      </Panel>
    </Stack>
  );
}

function BoardHeader({ snapshot, live }: { snapshot: Snapshot; live: boolean }) {
  const { t, i18n } = useTranslation();
  const { toggle, fullscreen } = useFullScreen();
  return (
    <Group justify="space-between" wrap="wrap">
      <Title order={1} fz="h2">
        {t("nav.board")}
      </Title>
      <Group gap="sm">
        <Text size="sm" className="figures" c={live ? undefined : "dimmed"} data-testid="board-clock">
          {live ? "● " + t("board.live") : "○ " + t("board.notLive")} · {clock(snapshot.at, i18n.language)}
        </Text>
        <Button
          variant="default"
          size="xs"
          leftSection={<Icon name="fullScreen" />}
          onClick={toggle}
          data-testid="full-screen"
        >
          {fullscreen ? t("board.leaveFullScreen") : t("board.fullScreen")}
        </Button>
      </Group>
    </Group>
  );
}

/** Full screen makes everything larger and dark, for a screen on the wall. */
function useFullScreen() {
  const { toggle, fullscreen } = useFullscreenDocument();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const usual = useRef(colorScheme);
  useEffect(() => {
    if (!fullscreen) return;
    document.documentElement.setAttribute("data-tv", "");
    usual.current = colorScheme;
    setColorScheme("dark");
    return () => {
      document.documentElement.removeAttribute("data-tv");
      setColorScheme(usual.current);
    };
    // Only entering and leaving full screen counts.
  }, [fullscreen]);
  return { toggle: () => void toggle().catch(() => undefined), fullscreen };
}

function Campaigns({ snapshot, me }: { snapshot: Snapshot; me: Me }) {
  const { t } = useTranslation();
  if (snapshot.campaigns.length === 0) {
    return (
      <Panel title={t("nav.campaigns")}>
        <Empty
          title={t("campaigns.none")}
          next={t("campaigns.noneNext")}
          command="lull campaign apply campaigns/NAME.toml"
        />
      </Panel>
    );
  }
  return (
    <section aria-label={t("nav.campaigns")}>
      <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }} spacing="md">
        {snapshot.campaigns.map((view) => (
          <CampaignCard key={view.campaign} view={view} mayControl={me.role === "manager"} linked={me.role === "manager"} />
        ))}
      </SimpleGrid>
    </section>
  );
}
