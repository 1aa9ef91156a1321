import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { CampaignState } from "../api/types";

/** Why a campaign is paused, where that was told: what it says itself in the reader's language, what people wrote as it is. */
export function StateWhy({ state, why }: { state: CampaignState; why: string }) {
  const { t } = useTranslation();
  if (state !== "paused" || why === "") return null;
  return (
    <Text size="sm" c="orange.9" data-testid="state-why">
      {t(`campaignStateWhy.${why}`, { defaultValue: why })}
    </Text>
  );
}
