import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Decision } from "../api/types";
import { clock } from "../format";
import { useReasonText } from "./WhyNot";

/** What kept a campaign from placing one more dial: the pacing's own limits, or a reason not to dial. */
export function useLimitText(): (code: string) => string {
  const { t } = useTranslation();
  const reason = useReasonText();
  return (code) => t(`limit.${code}`, { defaultValue: reason(code) });
}

/** Why so many dials, in words: what there was at the last decision, what was placed, and what held back one more. */
export function WhySoMany({ decision }: { decision: Decision | null | undefined }) {
  const { t, i18n } = useTranslation();
  const limit = useLimitText();
  if (decision === null || decision === undefined) return null;
  return (
    <Text size="xs" c="dimmed" data-testid="why-so-many" data-limit={decision.limit}>
      {t("decision.sum", {
        time: clock(decision.at, i18n.language),
        placed: decision.placed,
        idle: decision.idle,
        withSlot: decision.idle_with_slot,
        slots: decision.slots,
        pending: decision.pending,
      })}{" "}
      {limit(decision.limit)}
    </Text>
  );
}
