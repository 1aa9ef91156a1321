import { Button, Group, Text } from "@mantine/core";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { askForAudio, recordingAudio } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import { useProblemTitle } from "../shell/ProblemAlert";

/** The service can be reached and gives the audio: it was the way there, or the player itself. */
const BROKE_OFF = "broke_off";

/** A player of a recording, or why it cannot be heard; what may be better the next time can be tried again, from where it was. */
export function Player({ call }: { call: string }) {
  const { t } = useTranslation();
  const title = useProblemTitle();
  const [wrong, setWrong] = useState<Problem | typeof BROKE_OFF | null>(null);
  const at = useRef(0);

  // A player only knows that something went wrong; the service says what.
  const ask = async () => {
    try {
      await askForAudio(call);
      setWrong(BROKE_OFF);
    } catch (error) {
      setWrong(asProblem(error));
    }
  };

  if (wrong === null) {
    return (
      // Each hearing is written down, so nothing is fetched before somebody asks for it.
      <audio
        controls
        autoPlay
        preload="metadata"
        src={recordingAudio(call)}
        aria-label={t("recording.player")}
        onLoadedMetadata={(event) => {
          if (at.current > 0) event.currentTarget.currentTime = at.current;
        }}
        onError={(event) => {
          // A second failure comes before it was anywhere.
          if (event.currentTarget.currentTime > 0) at.current = event.currentTarget.currentTime;
          void ask();
        }}
        data-testid="player"
      />
    );
  }
  const passing = wrong === BROKE_OFF || wrong.status === 0 || wrong.status >= 500;
  return (
    <Group gap="xs" role="alert">
      <Text size="xs" c="dimmed" data-testid="no-recording" data-code={wrong === BROKE_OFF ? BROKE_OFF : wrong.code}>
        {wrong === BROKE_OFF ? t("recording.brokeOff") : title(wrong)}
      </Text>
      {passing && (
        <Button size="compact-xs" variant="default" onClick={() => setWrong(null)} data-testid="listen-again">
          {t("general.retry")}
        </Button>
      )}
    </Group>
  );
}
