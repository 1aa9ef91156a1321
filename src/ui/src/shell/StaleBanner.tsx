import { Alert } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { clock } from "../format";
import { Icon } from "../icons";
import { useLiveBoard } from "./BoardContext";

/** Says that the figures below are old, and since when. */
export function StaleBanner() {
  const { t, i18n } = useTranslation();
  const { staleSince } = useLiveBoard();
  if (staleSince === null) return null;
  return (
    <Alert color="orange" variant="filled" role="alert" icon={<Icon name="warning" />} mb="md" data-testid="stale">
      {t("shell.stale", { since: clock(staleSince, i18n.language) })}
    </Alert>
  );
}
