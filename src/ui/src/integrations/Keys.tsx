import { Badge, Button, Group, Modal, MultiSelect, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { addKey, keys, revokeKey, serviceNow } from "../api/client";
import type { KeyView, Me, Role } from "../api/types";
import { Panel } from "../board/Panel";
import { moment } from "../format";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { fromZoned, toZoned } from "../zoneTime";
import { SecretShown } from "./SecretShown";

const KEYS = ["keys"];
const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Keys of programs: what each may do, until when, and when it was used. */
export function Keys({ me }: { me: Me }) {
  const { t } = useTranslation();
  const found = useQuery({ queryKey: KEYS, queryFn: keys });
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const [revoking, setRevoking] = useState<KeyView | null>(null);
  const mayTouch = (key: KeyView) => me.role === "operator" || key.role !== "operator";
  return (
    <Panel
      title={t("key.title")}
      actions={
        <Button size="xs" onClick={() => setAdding(true)} data-testid="key-add">
          {t("key.add")}
        </Button>
      }
    >
      <Stack>
        {made !== null && <SecretShown secret={made} note={t("key.sendAs")} onDone={() => setMade(null)} />}
        {found.error && <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />}
        {found.isPending && <Waiting />}
        {found.data?.keys.length === 0 && <Empty title={t("key.none")} next={t("key.noneNext")} />}
        {found.data && found.data.keys.length > 0 && (
          <Table.ScrollContainer minWidth={720}>
            <Table fz="sm" verticalSpacing={6} data-testid="keys">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t("key.name")}</Table.Th>
                  <Table.Th>{t("key.role")}</Table.Th>
                  <Table.Th>{t("key.scopes")}</Table.Th>
                  <Table.Th>{t("key.state")}</Table.Th>
                  <Table.Th>{t("key.seen")}</Table.Th>
                  <Table.Th />
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {found.data.keys.map((key) => (
                  <Row key={key.id} row={key} onRevoke={mayTouch(key) ? () => setRevoking(key) : null} />
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Stack>
      <Modal opened={adding} onClose={() => setAdding(false)} title={t("key.add")} closeButtonProps={{ "aria-label": t("general.close") }}>
        {adding && (
          <AddKey
            me={me}
            parts={found.data?.parts ?? []}
            onMade={(key) => {
              setMade(key);
              setAdding(false);
            }}
          />
        )}
      </Modal>
      <Modal opened={revoking !== null} onClose={() => setRevoking(null)} title={revoking && t("key.revokeTitle", { name: revoking.name })} closeButtonProps={{ "aria-label": t("general.close") }}>
        {revoking && <Revoke row={revoking} onDone={() => setRevoking(null)} />}
      </Modal>
    </Panel>
  );
}

function Row({ row, onRevoke }: { row: KeyView; onRevoke: (() => void) | null }) {
  const { t, i18n } = useTranslation();
  const over = row.expires_at !== null && row.expires_at <= serviceNow();
  const good = row.revoked_at === null && !over;
  const state =
    row.revoked_at !== null
      ? t("key.revokedAt", { time: moment(row.revoked_at, i18n.language) })
      : row.expires_at === null
        ? t("key.good")
        : t(over ? "key.overSince" : "key.goodUntil", { time: moment(row.expires_at, i18n.language) });
  return (
    <Table.Tr data-testid={`key-${row.name}`} data-good={good}>
      <Table.Td>
        <Text size="sm">{row.name}</Text>
        <Text size="xs" c="dimmed">
          {t("key.madeBy", { by: row.created_by, time: moment(row.created_at, i18n.language) })}
        </Text>
      </Table.Td>
      <Table.Td>{t(`role.${row.role}`)}</Table.Td>
      <Table.Td>
        <Group gap={4}>
          {row.scopes.map((scope) => (
            <Badge key={scope} variant="light" tt="none" radius="sm">
              {scope}
            </Badge>
          ))}
        </Group>
      </Table.Td>
      <Table.Td c={good ? undefined : "dimmed"}>{state}</Table.Td>
      <Table.Td>{row.seen_at === null ? t("key.never") : moment(row.seen_at, i18n.language)}</Table.Td>
      <Table.Td ta="right">
        {good && onRevoke && (
          <Button size="compact-sm" variant="default" onClick={onRevoke} data-testid={`key-revoke-${row.name}`}>
            {t("key.revoke")}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function AddKey({ me, parts, onMade }: { me: Me; parts: string[]; onMade: (key: string) => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("manager");
  const [scopes, setScopes] = useState<string[]>([]);
  const [until, setUntil] = useState("");
  const roles: Role[] = me.role === "operator" ? ["manager", "marketing", "operator"] : ["manager", "marketing"];
  const add = useMutation({
    mutationFn: () => addKey({ name: name.trim(), role, scopes, expires_at: until === "" ? null : fromZoned(until, OWN_ZONE) }),
    onSuccess: async (made) => {
      await queries.invalidateQueries({ queryKey: KEYS });
      onMade(made.key);
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        add.mutate();
      }}
    >
      <Stack>
        <TextInput label={t("key.name")} description={t("key.nameNote")} value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={60} required data-autofocus data-testid="key-name" />
        <Select label={t("key.role")} description={t("key.roleNote")} data={roles.map((one) => ({ value: one, label: t(`role.${one}`) }))} value={role} onChange={(value) => setRole((value ?? "manager") as Role)} allowDeselect={false} />
        <MultiSelect
          label={t("key.scopes")}
          description={t("key.scopesNote")}
          data={["*", ...parts].flatMap((part) => [`${part}:read`, `${part}:write`])}
          value={scopes}
          onChange={setScopes}
          searchable
          data-testid="key-scopes"
        />
        <TextInput
          type="datetime-local"
          label={t("key.until")}
          description={t("key.untilNote", { zone: OWN_ZONE })}
          value={until}
          min={toZoned(serviceNow(), OWN_ZONE)}
          onChange={(event) => setUntil(event.currentTarget.value)}
        />
        {add.error && <ProblemAlert error={add.error} />}
        <Group justify="flex-end">
          <Button type="submit" disabled={name.trim() === "" || scopes.length === 0} loading={add.isPending} data-testid="key-make">
            {t("key.make")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Revoke({ row, onDone }: { row: KeyView; onDone: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => revokeKey(row.id),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: KEYS });
      onDone();
    },
  });
  return (
    <Stack>
      <Text size="sm">{t("key.revokeText")}</Text>
      {revoke.error && <ProblemAlert error={revoke.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onDone}>
          {t("general.cancel")}
        </Button>
        <Button color="red" loading={revoke.isPending} onClick={() => revoke.mutate()} data-testid="key-revoke-do">
          {t("key.revoke")}
        </Button>
      </Group>
    </Stack>
  );
}
