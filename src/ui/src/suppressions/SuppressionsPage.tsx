import { Badge, Button, Group, Modal, SimpleGrid, Stack, Table, Text, TextInput, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { suppressions, unsuppress } from "../api/client";
import type { SuppressionView } from "../api/types";
import { Panel } from "../board/Panel";
import { moment, phone } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { SuppressForm } from "./SuppressForm";

/** The ledger of numbers that must not be dialled. */
export function SuppressionsPage() {
  const { t } = useTranslation();
  return (
    <Stack data-testid="suppressions">
      <Title order={1} fz="h2">
        {t("nav.suppressions")}
      </Title>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
        <Panel title={t("suppress.lookUp")}>
          <LookUp />
        </Panel>
        <Panel title={t("suppress.title")}>
          <SuppressForm />
        </Panel>
      </SimpleGrid>
    </Stack>
  );
}

function LookUp() {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [asked, setAsked] = useState<string | null>(null);
  const found = useQuery({
    queryKey: ["suppressions", asked],
    queryFn: () => suppressions(asked ?? ""),
    enabled: asked !== null,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed.trim() !== "") setAsked(typed.trim());
  };
  return (
    <Stack>
      <form onSubmit={submit}>
        <Group align="flex-end">
          <TextInput
            label={t("suppress.number")}
            description={t("suppress.lookUpNote")}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            inputMode="tel"
            style={{ flex: 1 }}
            data-testid="look-up-number"
          />
          <Button type="submit" variant="default" disabled={typed.trim() === ""} data-testid="look-up">
            {t("suppress.lookUpDo")}
          </Button>
        </Group>
      </form>
      {found.isFetching && !found.data && <Waiting />}
      {found.error && <ProblemAlert error={found.error} />}
      {found.data && <Found entries={found.data} number={asked ?? ""} />}
    </Stack>
  );
}

function inForce(entry: SuppressionView): boolean {
  return entry.lifted_at === null && (entry.expires_at === null || entry.expires_at > Date.now());
}

function Found({ entries, number }: { entries: SuppressionView[]; number: string }) {
  const { t } = useTranslation();
  const [lifting, setLifting] = useState<SuppressionView | null>(null);
  const blocked = entries.some(inForce);
  return (
    <Stack gap="xs">
      <Group gap={6} role="status" data-testid="look-up-answer" data-blocked={blocked}>
        <Icon name={blocked ? "blocked" : "ready"} />
        <Text fw={600}>{t(blocked ? "suppress.blocked" : "suppress.free", { number: phone(entries[0]?.number ?? number) })}</Text>
      </Group>
      {entries.length > 0 && (
        <Table fz="sm" verticalSpacing={6}>
          <Table.Tbody>
            {entries.map((entry) => (
              <Entry key={entry.id} entry={entry} onLift={() => setLifting(entry)} />
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Modal
        opened={lifting !== null}
        onClose={() => setLifting(null)}
        title={lifting && t("suppress.liftTitle", { number: phone(lifting.number) })}
        closeButtonProps={{ "aria-label": t("general.close") }}
      >
        {lifting && <Lift entry={lifting} onDone={() => setLifting(null)} />}
      </Modal>
    </Stack>
  );
}

function Entry({ entry, onLift }: { entry: SuppressionView; onLift: () => void }) {
  const { t, i18n } = useTranslation();
  const active = inForce(entry);
  return (
    <Table.Tr>
      <Table.Td>
        <Badge variant={active ? "filled" : "outline"} color={active ? "red" : "gray"} tt="none" radius="sm">
          {t(active ? "suppress.inForce" : "suppress.lifted")}
        </Badge>
      </Table.Td>
      <Table.Td>
        {t(`suppressionReason.${entry.reason}`, { defaultValue: entry.reason })} · {entry.campaign ?? t("suppress.everywhere")}
        <Text size="xs" c="dimmed">
          {moment(entry.added_at, i18n.language)} · {entry.added_by} · {entry.source}
        </Text>
        {entry.note && <Text size="xs">{entry.note}</Text>}
        {entry.lifted_at !== null && (
          <Text size="xs" c="dimmed">
            {t("suppress.liftedBy", { time: moment(entry.lifted_at, i18n.language), by: entry.lifted_by ?? "", why: entry.lifted_why ?? "" })}
          </Text>
        )}
      </Table.Td>
      <Table.Td ta="right">
        {active && (
          <Button size="compact-sm" variant="default" onClick={onLift}>
            {t("suppress.lift")}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function Lift({ entry, onDone }: { entry: SuppressionView; onDone: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [why, setWhy] = useState("");
  const lift = useMutation({
    mutationFn: () => unsuppress(entry.id, why.trim()),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["suppressions"] });
      onDone();
    },
  });
  return (
    <Stack>
      <Text size="sm">{t("suppress.liftText", { reason: t(`suppressionReason.${entry.reason}`, { defaultValue: entry.reason }) })}</Text>
      <Textarea label={t("suppress.why")} value={why} onChange={(event) => setWhy(event.currentTarget.value)} required data-autofocus />
      {lift.error && <ProblemAlert error={lift.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onDone}>
          {t("general.cancel")}
        </Button>
        <Button color="red" disabled={why.trim() === ""} loading={lift.isPending} onClick={() => lift.mutate()}>
          {t("suppress.lift")}
        </Button>
      </Group>
    </Stack>
  );
}
