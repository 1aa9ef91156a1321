import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { ChangeView } from "../api/types";
import { LIMIT_FIELDS, shownLimit } from "../campaigns/limits";
import { moment } from "../format";
import { CONTROL_FIELDS, shownControl } from "./controls";

/** What somebody changed, latest first. */
export function ChangeList({ changes }: { changes: ChangeView[] }) {
  const { t, i18n } = useTranslation();
  if (changes.length === 0) return <Text size="sm">{t("changes.none")}</Text>;
  const limitsTold = (change: ChangeView) =>
    LIMIT_FIELDS.filter((field) => field in change.controls)
      .map((field) => {
        const value = change.controls[field] as number | null;
        return `${t(`limits.${field}`)}: ${value === null ? t("limits.toDefinition") : shownLimit(field, value)}`;
      })
      .join(", ");
  const what = (change: ChangeView) => {
    if (change.what === "campaign_limits") return limitsTold(change);
    const set = CONTROL_FIELDS.filter((field) => field in change.controls);
    if (set.length === 0) return change.detail;
    const told = set.map((field) => {
      const value = change.controls[field];
      return `${t(`controls.${field}`)}: ${value === null ? t("controls.toConfiguration") : shownControl(field, value as number, t)}`;
    });
    return told.join(", ");
  };
  return (
    <Table fz="sm" verticalSpacing={4} data-testid="changes">
      <Table.Tbody>
        {changes.map((change) => (
          <Table.Tr key={change.id}>
            <Table.Td className="figures">{moment(change.at, i18n.language)}</Table.Td>
            <Table.Td>{change.by}</Table.Td>
            <Table.Td>{t(`changes.what.${change.what}`, { defaultValue: change.what })}</Table.Td>
            <Table.Td style={{ overflowWrap: "anywhere" }}>{what(change)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
