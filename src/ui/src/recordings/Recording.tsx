import { Button, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RecordingView } from "../api/types";
import { duration } from "../format";
import { Icon } from "../icons";
import { useMe } from "../shell/useMe";
import { Player } from "./Player";

/** The recording of a call, to be heard by whoever may, or why there is none. Nothing for a call that reached no agent or was not to be recorded. */
export function Recording({ call, recording }: { call: string; recording: RecordingView | null }) {
  const { t } = useTranslation();
  const me = useMe();
  const [open, setOpen] = useState(false);
  if (recording === null) return null;
  const { recorded, state, reason, length_ms } = recording;
  const why = reason === null ? "" : t(`recording.reason.${reason}`);
  if (recorded !== "yes") {
    const lost = recorded === "missing" && state !== "none";
    return (
      <Text size="xs" c="dimmed" data-testid="no-recording" data-state={state}>
        {lost ? t("recording.lost") : t(`recording.state.${state}`, { why })}
      </Text>
    );
  }
  const length = duration(length_ms ?? 0);
  return (
    <>
      {open ? (
        <Player call={call} />
      ) : me.data?.role === "manager" ? (
        <Button size="compact-xs" variant="default" leftSection={<Icon name="play" />} onClick={() => setOpen(true)} aria-label={t("recording.listen", { length })} data-testid="listen">
          {length}
        </Button>
      ) : (
        <Text size="xs" c="dimmed">
          {t("recording.state.whole", { why: length })}
        </Text>
      )}
      {state === "cut_off" && (
        <Text size="xs" c="dimmed">
          {t("recording.state.cut_off", { why })}
        </Text>
      )}
    </>
  );
}
