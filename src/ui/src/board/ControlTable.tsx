import { Badge, Button, Table, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { changeGroup, group as askGroup } from "../api/client";
import type { ControlView } from "../api/types";
import { moment } from "../format";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { shownControl } from "./controls";

/** Others change controls too. */
const AGAIN_MS = 10_000;

/** The live controls of a group: what is in force, what the configuration says, who changed it and when, and the way back. */
export function ControlTable({ group }: { group: string }) {
  const { t, i18n } = useTranslation();
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ["groups", group], queryFn: () => askGroup(group), refetchInterval: AGAIN_MS });
  const back = useMutation({
    mutationFn: (control: ControlView["control"]) => changeGroup(group, { to_configuration: [control] }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["groups", group] }),
  });
  if (found.isPending) return <Waiting />;
  if (found.error) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  const shown = (control: ControlView, value: number | string | null) => shownControl(control.control, value, t);
  return (
    <>
      {back.error && <ProblemAlert error={back.error} />}
      <Table.ScrollContainer minWidth={560}>
        <Table fz="sm" verticalSpacing={6} data-testid={`controls-${group}`}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("controls.control")}</Table.Th>
              <Table.Th>{t("controls.inForce")}</Table.Th>
              <Table.Th>{t("controls.configured")}</Table.Th>
              <Table.Th>{t("controls.changed")}</Table.Th>
              <Table.Th />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {found.data.controls.map((control) => (
              <Table.Tr key={control.control} data-testid={`control-row-${control.control}`} data-set={control.set}>
                <Table.Td>{t(`controls.${control.control}`)}</Table.Td>
                <Table.Td className="figures">
                  {shown(control, control.in_force)}{" "}
                  {control.set && (
                    <Badge size="xs" variant="light" tt="none" radius="sm">
                      {t("controls.byHand")}
                    </Badge>
                  )}
                </Table.Td>
                <Table.Td className="figures">{shown(control, control.configured)}</Table.Td>
                <Table.Td>
                  {control.changed_at === null ? (
                    <Text size="sm" c="dimmed">
                      {t("controls.never")}
                    </Text>
                  ) : (
                    t("controls.changedBy", { by: control.changed_by ?? "", time: moment(control.changed_at, i18n.language) })
                  )}
                </Table.Td>
                <Table.Td ta="right">
                  {control.set && control.configured !== null && (
                    <Button
                      size="compact-sm"
                      variant="default"
                      loading={back.isPending && back.variables === control.control}
                      onClick={() => back.mutate(control.control)}
                      data-testid={`control-back-${control.control}`}
                    >
                      {t("controls.back")}
                    </Button>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}
