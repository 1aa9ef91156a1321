import { Badge, Button, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { moment } from "../format";

/** What can be set live, over a file: what holds and what the file says, in words, who changed it, and whether there is a way back. */
export interface Setting<Name extends string> {
  name: Name;
  title: string;
  inForce: string;
  filed: string;
  set: boolean;
  mayGoBack: boolean;
  changedBy: string | null;
  changedAt: number | null;
}

interface Props<Name extends string> {
  /** Prefix of the test ids of rows and buttons, and the id of the table. */
  kind: string;
  id: string;
  /** Headings that differ, and the button that goes back. */
  heading: string;
  filedHeading: string;
  backLabel: string;
  settings: Setting<Name>[];
  /** The one that is going back. */
  goingBack: Name | null;
  onBack: (name: Name) => void;
}

/** A table of live settings. */
export function SettingTable<Name extends string>({ kind, id, heading, filedHeading, backLabel, settings, goingBack, onBack }: Props<Name>) {
  const { t, i18n } = useTranslation();
  return (
    <Table.ScrollContainer minWidth={560}>
      <Table fz="sm" verticalSpacing={6} data-testid={id}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{heading}</Table.Th>
            <Table.Th>{t("controls.inForce")}</Table.Th>
            <Table.Th>{filedHeading}</Table.Th>
            <Table.Th>{t("controls.changed")}</Table.Th>
            <Table.Th />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {settings.map((one) => (
            <Table.Tr key={one.name} data-testid={`${kind}-row-${one.name}`} data-set={one.set}>
              <Table.Td>{one.title}</Table.Td>
              <Table.Td className="figures">
                {one.inForce}{" "}
                {one.set && (
                  <Badge size="xs" variant="light" tt="none" radius="sm">
                    {t("controls.byHand")}
                  </Badge>
                )}
              </Table.Td>
              <Table.Td className="figures">{one.filed}</Table.Td>
              <Table.Td>
                {one.changedAt === null ? (
                  <Text size="sm" c="dimmed">
                    {t("controls.never")}
                  </Text>
                ) : (
                  t("controls.changedBy", { by: one.changedBy ?? "", time: moment(one.changedAt, i18n.language) })
                )}
              </Table.Td>
              <Table.Td ta="right">
                {one.mayGoBack && (
                  <Button
                    size="compact-sm"
                    variant="default"
                    loading={goingBack === one.name}
                    onClick={() => onBack(one.name)}
                    data-testid={`${kind}-back-${one.name}`}
                  >
                    {backLabel}
                  </Button>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
