import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { setCampaignState } from "../api/client";
import type { CampaignState } from "../api/types";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";

interface Props {
  campaign: string;
  title: string;
  state: CampaignState;
  size?: string;
}

type Wanted = "running" | "paused" | "ended";

/** Starts, pauses or ends a campaign, after a question that names it. */
export function StateButtons({ campaign, title, state, size = "sm" }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const change = useMutation({
    mutationFn: (to: Wanted) => setCampaignState(campaign, to),
    onSuccess: async () => {
      setWanted(null);
      await queries.invalidateQueries({ queryKey: ["campaigns"] });
    },
  });
  const ask = (to: Wanted) => {
    change.reset();
    setWanted(to);
  };
  if (state === "ended") {
    return (
      <Text size="sm" c="dimmed">
        {t("campaign.endedNext")}
      </Text>
    );
  }
  return (
    <Group gap="xs">
      {state !== "running" ? (
        <Button size={size} leftSection={<Icon name="play" />} onClick={() => ask("running")} data-testid={`start-${campaign}`}>
          {t("campaign.start")}
        </Button>
      ) : (
        <Button
          size={size}
          variant="default"
          leftSection={<Icon name="pause" />}
          onClick={() => ask("paused")}
          data-testid={`pause-${campaign}`}
        >
          {t("campaign.pause")}
        </Button>
      )}
      {size !== "xs" && (
        <Button size={size} variant="subtle" color="red" leftSection={<Icon name="stop" />} onClick={() => ask("ended")} data-testid={`end-${campaign}`}>
          {t("campaign.end")}
        </Button>
      )}
      <Modal
        opened={wanted !== null}
        onClose={() => setWanted(null)}
        title={wanted && t(`campaign.confirm.${wanted}.title`, { title })}
        closeButtonProps={{ "aria-label": t("general.close") }}
      >
        {wanted && (
          <Stack>
            <Text size="sm">{t(`campaign.confirm.${wanted}.text`, { title })}</Text>
            {change.error && <ProblemAlert error={change.error} />}
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setWanted(null)}>
                {t("general.cancel")}
              </Button>
              <Button
                color={wanted === "ended" ? "red" : undefined}
                loading={change.isPending}
                onClick={() => change.mutate(wanted)}
                data-autofocus
                data-testid="confirm-state"
              >
                {t(`campaign.confirm.${wanted}.do`)}
              </Button>
            </Group>
          </Stack>
        )}
      </Modal>
    </Group>
  );
}
