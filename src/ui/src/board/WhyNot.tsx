import { Alert, Group, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { CampaignView } from "../api/types";
import { count, moment } from "../format";
import { Icon } from "../icons";

/** Codes that mean a person should look, not only wait. */
const SERIOUS = new Set(["trunk_down", "store_down", "clock_unsure", "no_agent", "zone_unknown", "no_consent"]);

export function useReasonText(): (code: string) => string {
  const { t } = useTranslation();
  return (code) => t(`refusal.${code}`, { defaultValue: code });
}

/** Why a campaign places no further dial at this moment, in words. */
export function WhyNot({ view }: { view: CampaignView }) {
  const { t, i18n } = useTranslation();
  const reason = useReasonText();
  if (view.not_dialling === null) {
    return (
      <Group gap={6} c="var(--mantine-color-teal-text)" wrap="nowrap" data-testid="why-not" data-reason="">
        <Icon name="play" size={13} />
        <Text size="sm" c="inherit">
          {t("why.dialling")}
        </Text>
      </Group>
    );
  }
  const code = view.not_dialling;
  return (
    <Alert
      variant="light"
      color={SERIOUS.has(code) ? "orange" : "gray"}
      icon={<Icon name={SERIOUS.has(code) ? "warning" : "info"} />}
      p="xs"
      title={t("why.title")}
      data-testid="why-not"
      data-reason={code}
    >
      <Text size="sm">{reason(code)}</Text>
      {t(`refusalNext.${code}`, { defaultValue: "" }) !== "" && (
        <Text size="sm" c="dimmed">
          {t(`refusalNext.${code}`)}
        </Text>
      )}
      {code === "no_lead_due" && view.next_due !== null && (
        <Text size="sm" c="dimmed">
          {t("why.nextDue", { time: moment(view.next_due, i18n.language) })}
        </Text>
      )}
    </Alert>
  );
}

/** How often each reason held a dial back today. */
export function ReasonTable({ refusals }: { refusals: Record<string, number> }) {
  const { t, i18n } = useTranslation();
  const reason = useReasonText();
  const rows = Object.entries(refusals)
    .filter(([, times]) => times > 0)
    .sort((a, b) => b[1] - a[1]);
  if (rows.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {t("why.noneToday")}
      </Text>
    );
  }
  return (
    <Table verticalSpacing={3} fz="sm" data-testid="reasons">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("why.reason")}</Table.Th>
          <Table.Th ta="right">{t("why.times")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map(([code, times]) => (
          <Table.Tr key={code} data-testid={`reason-${code}`}>
            <Table.Td>{reason(code)}</Table.Td>
            <Table.Td ta="right" className="figures">
              {count(times, i18n.language)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
