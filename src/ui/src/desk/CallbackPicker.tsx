import { Alert, Button, Checkbox, Group, Stack, Text, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { About } from "./about";
import { nextAllowed, type Problem } from "../api/problem";
import { localTime, moment } from "../format";
import { Icon } from "../icons";
import { serviceNow } from "../api/client";
import { fromZoned, knowsZone, toZoned } from "../zoneTime";

interface Props {
  at: string;
  mine: boolean;
  zone: string;
  zoneKnown: boolean;
  problem: Problem | null;
  onAt: (at: string) => void;
  onMine: (mine: boolean) => void;
}

/** The customer's zone, or this browser's where none is known. */
export function zoneOf(about: About): string {
  return about.zones.find(knowsZone) ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** When to call again, in the customer's time. Whether it is allowed is for the service to say. */
export function CallbackPicker({ at, mine, zone, zoneKnown, problem, onAt, onMine }: Props) {
  const { t, i18n } = useTranslation();
  const agreed = fromZoned(at, zone);
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const now = serviceNow();
  const quick = [
    { key: "hour", at: now + 3600_000 },
    { key: "threeHours", at: now + 3 * 3600_000 },
    { key: "tomorrow", at: now + 24 * 3600_000 },
  ];
  const missing = problem?.code === "callback_required" && agreed === null;
  return (
    <Stack gap="xs" data-testid="callback">
      <TextInput
        type="datetime-local"
        label={t("callback.at")}
        description={zoneKnown ? t("callback.theirTime", { zone }) : t("callback.ownTime", { zone })}
        withAsterisk
        value={at}
        min={toZoned(now, zone)}
        onChange={(event) => onAt(event.currentTarget.value)}
        error={missing ? t("problem.callback_required") : null}
        data-testid="callback-at"
      />
      <Group gap={6}>
        {quick.map((one) => (
          <Button key={one.key} size="compact-sm" variant="default" onClick={() => onAt(toZoned(one.at, zone))}>
            {t(`callback.${one.key}`)}
          </Button>
        ))}
      </Group>
      {agreed !== null && own !== zone && (
        <Text size="xs" c="dimmed" className="figures">
          {t("callback.yourTime", { time: moment(agreed, i18n.language) })}
        </Text>
      )}
      {problem?.code === "callback_outside_window" && <OutsideWindow problem={problem} zone={zone} onAt={onAt} />}
      <Checkbox
        label={t("callback.mine")}
        checked={mine}
        onChange={(event) => onMine(event.currentTarget.checked)}
        data-testid="callback-mine"
      />
    </Stack>
  );
}

function OutsideWindow({ problem, zone, onAt }: { problem: Problem; zone: string; onAt: (at: string) => void }) {
  const { t, i18n } = useTranslation();
  const next = nextAllowed(problem);
  return (
    <Alert color="orange" role="alert" icon={<Icon name="clock" />} data-testid="callback-refused">
      {t("callback.outside")}
      {next !== null && (
        <Button
          mt="xs"
          size="xs"
          variant="default"
          h="auto"
          py={4}
          styles={{ label: { whiteSpace: "normal", textAlign: "left" } }}
          onClick={() => onAt(toZoned(Math.ceil(next / 60_000) * 60_000, zone))} data-testid="callback-take-next">
          {t("callback.takeNext", { time: localTime(next, i18n.language, zone) })}
        </Button>
      )}
    </Alert>
  );
}
