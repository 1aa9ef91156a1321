import { Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { campaignChanges, groupChanges } from "../api/client";
import type { CampaignDetail, CampaignView } from "../api/types";
import { ChangeList } from "../board/ChangeList";
import { ControlTable } from "../board/ControlTable";
import { GroupControls } from "../board/GroupControls";
import { Panel } from "../board/Panel";
import { moment } from "../format";
import { useLiveBoard } from "../shell/BoardContext";
import { ProblemAlert } from "../shell/ProblemAlert";
import { LimitTable } from "./LimitTable";
import { StateBadge } from "./StateBadge";
import { StateButtons } from "./StateButtons";

const AGAIN_MS = 10_000;

/** All that can be changed while the campaign runs, apart from its definition: who changed it, when, and the way back. */
export function LiveControls({ detail, view }: { detail: CampaignDetail; view: CampaignView | null }) {
  const { t, i18n } = useTranslation();
  const { snapshot } = useLiveBoard();
  const { key, group: name, title } = detail.campaign;
  const live = snapshot?.groups.find((one) => one.group === name);
  const own = useQuery({ queryKey: ["campaigns", key, "changes"], queryFn: () => campaignChanges(key), refetchInterval: AGAIN_MS });
  const ofGroup = useQuery({ queryKey: ["groups", name, "changes"], queryFn: () => groupChanges(name), refetchInterval: AGAIN_MS });
  const changes = [...(own.data ?? []), ...(ofGroup.data ?? [])].sort((a, b) => b.at - a.at);
  const last = own.data?.find((one) => one.what === "campaign_state");
  const state = view?.state ?? detail.state;
  return (
    <Stack data-testid="live-controls">
      <Panel title={t("controls.state")} actions={<StateButtons campaign={key} title={title} state={state} />}>
        <Group gap="sm">
          <StateBadge state={state} />
          <Text size="sm" c="dimmed" data-testid="state-changed">
            {last ? t("controls.changedBy", { by: last.by, time: moment(last.at, i18n.language) }) : t("controls.never")}
          </Text>
        </Group>
      </Panel>
      <Panel title={t("limits.title")}>
        <LimitTable campaign={key} />
        <Text size="xs" c="dimmed" mt="xs">
          {t("limits.note")}
        </Text>
      </Panel>
      <Panel title={t("controls.title", { group: live?.title ?? name })} actions={live && <GroupControls group={live} linked />}>
        <ControlTable group={name} />
        <Text size="xs" c="dimmed" mt="xs">
          {t("controls.groupNote")}
        </Text>
      </Panel>
      <Panel title={t("changes.title")}>
        {own.error && <ProblemAlert error={own.error} onRetry={() => void own.refetch()} />}
        {ofGroup.error && <ProblemAlert error={ofGroup.error} onRetry={() => void ofGroup.refetch()} />}
        {own.data && ofGroup.data && <ChangeList changes={changes} />}
      </Panel>
    </Stack>
  );
}
