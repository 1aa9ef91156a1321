import { Badge } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { CampaignState } from "../api/types";
import { Icon, type IconName } from "../icons";

const LOOK: Record<CampaignState, { colour: string; icon: IconName }> = {
  ready: { colour: "gray", icon: "clock" },
  running: { colour: "teal", icon: "play" },
  paused: { colour: "orange", icon: "pause" },
  ended: { colour: "gray", icon: "stop" },
};

export function StateBadge({ state }: { state: CampaignState }) {
  const { t } = useTranslation();
  const look = LOOK[state];
  return (
    <Badge
      color={look.colour}
      variant="light"
      radius="sm"
      tt="none"
      style={{ flex: "none" }}
      leftSection={<Icon name={look.icon} size={11} />}
      data-testid="campaign-state"
      data-state={state}
    >
      {t(`campaignState.${state}`)}
    </Badge>
  );
}
