import { Alert, Button, List, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Icon } from "../icons";
import type { Draft } from "./draft";

/** What had been typed about a call whose wrap-up ran out before a result was recorded. */
export function LostDraft({ draft, onForget }: { draft: Draft; onForget: () => void }) {
  const { t } = useTranslation();
  const answers = Object.entries(draft.answers).filter(([, value]) => value !== "");
  return (
    <Alert color="orange" icon={<Icon name="note" />} title={t("desk.unrecorded")} role="status" data-testid="lost-draft">
      <Text size="sm">{t("desk.unrecordedNext")}</Text>
      <List size="sm" my="xs">
        {answers.map(([key, value]) => (
          <List.Item key={key}>
            {key}: {value}
          </List.Item>
        ))}
        {draft.note && <List.Item className="prewrap">{draft.note}</List.Item>}
        {draft.callbackAt && <List.Item>{draft.callbackAt.replace("T", " ")}</List.Item>}
      </List>
      <Button size="xs" variant="default" onClick={onForget}>
        {t("desk.forget")}
      </Button>
    </Alert>
  );
}
