import { Card, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { AgentView } from "../api/types";

/** Nothing to do just now, and why. */
export function NoCall({ view, lastResult }: { view: AgentView; lastResult: string | null }) {
  const { t } = useTranslation();
  return (
    <Card withBorder padding="xl" className="card" mih={220}>
      <Stack align="center" justify="center" h="100%" gap="xs" py="xl">
        <Text fz="h3" fw={600} ta="center" data-testid="no-call">
          {t(`desk.idle.${view.state}`, { defaultValue: t("desk.idle.connecting") })}
        </Text>
        <Text c="dimmed" ta="center" maw={520}>
          {t(`desk.idleNext.${view.state}`, { defaultValue: "" })}
        </Text>
        <Text c="dimmed" size="sm" role="status" data-testid="last-result">
          {lastResult ? t("desk.lastResult", { result: lastResult }) : ""}
        </Text>
      </Stack>
    </Card>
  );
}
