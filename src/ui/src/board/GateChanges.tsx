import { Button, Collapse, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { gateChanges } from "../api/client";
import type { GroupView } from "../api/types";
import { clock, percent } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";

/** The chart's openings and closings once more as a table, with the figures that caused them. */
export function GateChanges({ group }: { group: GroupView }) {
  const { t } = useTranslation();
  const [opened, { toggle }] = useDisclosure(false);
  return (
    <>
      <Button size="compact-sm" variant="subtle" onClick={toggle} aria-expanded={opened} mt={4} data-testid={`gate-changes-${group.group}`}>
        {t("chart.changes")} {opened ? "▴" : "▾"}
      </Button>
      <Collapse expanded={opened}>{opened && <Changes group={group} />}</Collapse>
    </>
  );
}

function Changes({ group }: { group: GroupView }) {
  const { t, i18n } = useTranslation();
  // A gate that has turned since is a reason to ask again.
  const known = useQuery({
    queryKey: ["gate-changes", group.group, group.gate_since],
    queryFn: () => gateChanges(group.group, 12),
    placeholderData: (before) => before,
  });
  if (known.error) return <ProblemAlert error={known.error} onRetry={() => void known.refetch()} />;
  if (known.data?.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {t("chart.noChanges")}
      </Text>
    );
  }
  return (
    <Table fz="sm" verticalSpacing={3}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("chart.time")}</Table.Th>
          <Table.Th>{t("chart.turned")}</Table.Th>
          <Table.Th ta="right">{t("board.idleness")}</Table.Th>
          <Table.Th ta="right">{t("chart.threshold")}</Table.Th>
          <Table.Th ta="right">{t("chart.agents")}</Table.Th>
          <Table.Th ta="right">{t("board.onInbound")}</Table.Th>
          <Table.Th ta="right">{t("queue.waiting")}</Table.Th>
          <Table.Th ta="right">{t("board.slots")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody className="figures">
        {(known.data ?? []).map((change) => (
          <Table.Tr key={change.at}>
            <Table.Td>{clock(change.at, i18n.language)}</Table.Td>
            <Table.Td>
              <Icon name={change.open ? "open" : "closed"} size={13} /> {t(change.open ? "gate.open" : "gate.closed")}
            </Table.Td>
            <Table.Td ta="right">{percent(change.idleness)}</Table.Td>
            <Table.Td ta="right">{percent(change.idle_threshold)}</Table.Td>
            <Table.Td ta="right">{change.agents}</Table.Td>
            <Table.Td ta="right">{change.inbound_busy}</Table.Td>
            <Table.Td ta="right">{change.waiting}</Table.Td>
            <Table.Td ta="right">{change.slots}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
