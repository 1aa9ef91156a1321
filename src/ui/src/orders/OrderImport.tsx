import { Alert, Button, FileInput, Group, Stack, Table, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { importOrders } from "../api/client";
import type { OrderFileOutcome } from "../api/types";
import { Panel } from "../board/Panel";
import { ProblemAlert } from "../shell/ProblemAlert";

/** A carrier's delivery file: checked first, then taken in; each row that does not fit is listed with its line. */
export function OrderImport() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const taken = useMutation({
    mutationFn: ({ file, dryRun }: { file: File; dryRun: boolean }) => importOrders(file, dryRun),
    onSuccess: () => void client.invalidateQueries({ queryKey: ["orders"] }),
  });
  const take = (dryRun: boolean) => file && taken.mutate({ file, dryRun });
  return (
    <Panel title={t("orders.import.title")} testId="order-import">
      <Stack>
        <Text size="sm" c="dimmed">
          {t("orders.import.note")}
        </Text>
        <Group align="flex-end">
          <FileInput
            label={t("orders.import.file")}
            placeholder={t("orders.import.choose")}
            accept=".csv,.xlsx"
            value={file}
            onChange={(chosen) => {
              setFile(chosen);
              taken.reset();
            }}
            miw={260}
            data-testid="order-file"
          />
          <Button variant="default" disabled={file === null} loading={taken.isPending} onClick={() => take(true)} data-testid="order-file-check">
            {t("orders.import.check")}
          </Button>
          <Button disabled={file === null} loading={taken.isPending} onClick={() => take(false)} data-testid="order-file-take">
            {t("orders.import.take")}
          </Button>
        </Group>
        {taken.error && <ProblemAlert error={taken.error} />}
        {taken.data && <Outcome outcome={taken.data} dryRun={taken.variables.dryRun} />}
      </Stack>
    </Panel>
  );
}

function Outcome({ outcome, dryRun }: { outcome: OrderFileOutcome; dryRun: boolean }) {
  const { t } = useTranslation();
  const { rows, changed, already, complained, complaints } = outcome;
  return (
    <Stack gap="xs">
      <Alert color={complained > 0 ? "orange" : "teal"} role="status" data-testid="order-file-outcome">
        {t(dryRun ? "orders.import.would" : "orders.import.done", { rows, changed, already, complained })}
      </Alert>
      {complaints.length > 0 && (
        <Table fz="sm" verticalSpacing={4} data-testid="order-complaints">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("orders.import.line")}</Table.Th>
              <Table.Th>{t("orders.column.order")}</Table.Th>
              <Table.Th>{t("orders.import.problem")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {complaints.map((one) => (
              <Table.Tr key={one.line}>
                <Table.Td className="figures">{one.line}</Table.Td>
                <Table.Td className="figures">{one.order}</Table.Td>
                <Table.Td>{one.problem}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {complained > complaints.length && <Text size="sm">{t("orders.import.more", { count: complained - complaints.length })}</Text>}
    </Stack>
  );
}
