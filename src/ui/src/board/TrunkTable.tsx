import { Group, Progress, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { TrunkView } from "../api/types";
import { Icon } from "../icons";
import { Empty } from "../shell/Empty";

export function TrunkTable({ trunks }: { trunks: TrunkView[] }) {
  const { t } = useTranslation();
  if (trunks.length === 0) return <Empty title={t("trunk.none")} next={t("trunk.noneNext")} command="lull doctor" />;
  return (
    <Table verticalSpacing={6} fz="sm">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("trunk.trunk")}</Table.Th>
          <Table.Th>{t("board.state")}</Table.Th>
          <Table.Th>{t("trunk.channels")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {trunks.map((trunk) => (
          <Table.Tr key={trunk.trunk} data-testid={`trunk-${trunk.trunk}`} data-up={trunk.up}>
            <Table.Td>{trunk.trunk}</Table.Td>
            <Table.Td>
              <Group gap={4} wrap="nowrap" c={trunk.up ? "var(--mantine-color-teal-text)" : "var(--mantine-color-red-text)"}>
                <Icon name={trunk.up ? "up" : "down"} size={14} />
                <Text size="sm" c="inherit">
                  {t(trunk.up ? "trunk.up" : "trunk.down")}
                </Text>
              </Group>
            </Table.Td>
            <Table.Td className="figures">
              <Group gap="xs" wrap="nowrap">
                <Text size="sm" miw={60}>
                  {trunk.channels} / {trunk.channels_max}
                </Text>
                <Progress
                  value={trunk.channels_max > 0 ? (100 * trunk.channels) / trunk.channels_max : 0}
                  w={120}
                  aria-label={t("trunk.channels")}
                />
              </Group>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
