import { Alert, Badge, Button, Group, NativeSelect, Stack, Table, Text, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { countMessage, gateways as askGateways, messages as askMessages, requestKey, sendMessage } from "../api/client";
import type { MessageView } from "../api/types";
import { moment } from "../format";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";

/** What becomes of a message while it is looked at. */
const AGAIN_MS = 3000;
const COLOURS: Partial<Record<MessageView["state"], string>> = {
  delivered: "teal",
  sent: "blue",
  undeliverable: "red",
  expired: "red",
  rejected: "red",
  unknown: "orange",
  suppressed: "gray",
};

/** SMS from and to one number, newest first, and a way to send one. */
export function Messages({ number, blocked }: { number: string; blocked: boolean }) {
  const { t } = useTranslation();
  const found = useQuery({
    queryKey: ["messages", number],
    queryFn: () => askMessages(number),
    refetchInterval: AGAIN_MS,
  });
  const gateways = useQuery({ queryKey: ["gateways"], queryFn: askGateways, refetchInterval: AGAIN_MS });
  if (found.error) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  if (gateways.error) return <ProblemAlert error={gateways.error} onRetry={() => void gateways.refetch()} />;
  if (!found.data || !gateways.data) return <Waiting />;
  const away = gateways.data.filter((gateway) => gateway.state === "down");
  return (
    <Stack gap="sm" data-testid="messages">
      {found.data.length === 0 ? <Text size="sm">{t("message.none")}</Text> : <List rows={found.data} />}
      {away.map((gateway) => (
        <Alert key={gateway.name} color="orange" role="status">
          {t("message.away", { gateway: gateway.name, error: gateway.error ?? "", waiting: gateway.waiting })}
        </Alert>
      ))}
      {gateways.data.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t("message.noGateway")}
        </Text>
      ) : blocked ? (
        <Text size="sm">{t("message.blocked")}</Text>
      ) : (
        <Send number={number} gateways={gateways.data.map((gateway) => gateway.name)} />
      )}
    </Stack>
  );
}

function List({ rows }: { rows: MessageView[] }) {
  const { t, i18n } = useTranslation();
  return (
    <Table fz="sm" verticalSpacing={6}>
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={row.id} title={row.id}>
            <Table.Td w="7rem">
              <Badge variant="light" color={row.meaning === "interested" ? "teal" : row.meaning && row.meaning !== "other" ? "red" : COLOURS[row.state]} tt="none" radius="sm">
                {row.meaning && row.meaning !== "other" ? t(`message.meaning.${row.meaning}`) : t(`message.state.${row.state}`)}
              </Badge>
            </Table.Td>
            <Table.Td>
              <Text size="sm" className="prewrap">
                {row.text}
              </Text>
              <Text size="xs" c="dimmed">
                {t(`message.direction.${row.direction}`)} · {moment(row.created_at, i18n.language)}
                {row.parts > 1 ? ` · ${t("message.parts", { count: row.parts })}` : ""}
                {row.error ? ` · ${row.error}` : ""}
              </Text>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Send({ number, gateways }: { number: string; gateways: string[] }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [text, setText] = useState("");
  const [gateway, setGateway] = useState(gateways[0] ?? "");
  // One name for each text that is sent, so that a second press after a lost answer sends nothing twice.
  const [named, setNamed] = useState(requestKey);
  const counted = useQuery({
    queryKey: ["message-count", text],
    queryFn: () => countMessage(text),
    enabled: text.trim() !== "",
    placeholderData: (before) => before,
  });
  const sent = useMutation({
    mutationFn: () => sendMessage({ number, text, gateway }, named),
    onSuccess: () => {
      setText("");
      setNamed(requestKey());
      void client.invalidateQueries({ queryKey: ["messages", number] });
    },
  });
  const tooLong = counted.data !== undefined && counted.data.parts > counted.data.parts_max;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    sent.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="xs">
        <Textarea
          label={t("message.text")}
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setNamed(requestKey());
          }}
          autosize
          minRows={2}
          error={tooLong ? t("message.tooLong", { most: counted.data?.parts_max }) : undefined}
          data-testid="message-text"
        />
        {sent.error && <ProblemAlert error={sent.error} />}
        <Group justify="space-between">
          <Text size="xs" c="dimmed" aria-live="polite" data-testid="message-count">
            {text.trim() === "" || !counted.data
              ? ""
              : t("message.count", { parts: counted.data.parts, room: counted.data.room, alphabet: t(`message.alphabet.${counted.data.alphabet}`) })}
          </Text>
          {gateways.length > 1 && (
            <NativeSelect
              size="xs"
              aria-label={t("message.gateway")}
              data={gateways}
              value={gateway}
              onChange={(event) => setGateway(event.currentTarget.value)}
            />
          )}
          <Button type="submit" size="xs" loading={sent.isPending} disabled={text.trim() === "" || tooLong} data-testid="message-send">
            {t("message.send")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
