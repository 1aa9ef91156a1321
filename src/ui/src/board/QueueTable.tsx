import { Badge, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { QueueView } from "../api/types";
import { duration, percent, seconds } from "../format";
import { Icon } from "../icons";
import { Empty } from "../shell/Empty";

/** Inbound queues with the figures of today. */
export function QueueTable({ queues }: { queues: QueueView[] }) {
  const { t } = useTranslation();
  if (queues.length === 0) return <Empty title={t("queue.none")} next={t("queue.noneNext")} />;
  return (
    <Table.ScrollContainer minWidth={620}>
      <Table verticalSpacing={6} fz="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("queue.queue")}</Table.Th>
            <Table.Th ta="right">{t("queue.waiting")}</Table.Th>
            <Table.Th ta="right">{t("queue.longest")}</Table.Th>
            <Table.Th>{t("queue.serviceLevel")}</Table.Th>
            <Table.Th ta="right">{t("queue.asa")}</Table.Th>
            <Table.Th ta="right">{t("queue.answered")}</Table.Th>
            <Table.Th ta="right">{t("queue.abandoned")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="figures">
          {queues.map((queue) => (
            <QueueRow key={queue.queue} queue={queue} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function QueueRow({ queue }: { queue: QueueView }) {
  const { t } = useTranslation();
  const asa = queue.answered > 0 ? queue.answered_wait_ms / queue.answered : null;
  return (
    <Table.Tr data-testid={`queue-${queue.queue}`}>
      <Table.Td>
        {queue.title}
        {!queue.open && (
          <Badge ml={6} size="sm" variant="outline" color="gray" tt="none">
            {t("queue.closed")}
          </Badge>
        )}
      </Table.Td>
      <Table.Td ta="right" fw={queue.waiting > 0 ? 700 : 400} data-testid="queue-waiting">
        {queue.waiting}
      </Table.Td>
      <Table.Td ta="right">{queue.waiting > 0 ? duration(queue.longest_wait_ms) : "–"}</Table.Td>
      <Table.Td>
        <ServiceLevel queue={queue} />
      </Table.Td>
      <Table.Td ta="right" style={{ whiteSpace: "nowrap" }}>{seconds(asa)}</Table.Td>
      <Table.Td ta="right" style={{ whiteSpace: "nowrap" }}>
        {queue.answered} / {queue.offered}
      </Table.Td>
      <Table.Td ta="right">{queue.abandoned}</Table.Td>
    </Table.Tr>
  );
}

function ServiceLevel({ queue }: { queue: QueueView }) {
  const { t } = useTranslation();
  const target = t("queue.target", { target: percent(queue.service_level_target), seconds: queue.within_s });
  const low = queue.service_level !== null && queue.service_level < queue.service_level_target;
  return (
    <>
      <Text span size="sm" fw={600} c={low ? "var(--mantine-color-red-text)" : undefined} data-testid="service-level">
        {low && <Icon name="warning" size={13} />} {percent(queue.service_level, 1)}
      </Text>
      <Text size="xs" c="dimmed">
        {low ? t("queue.below") + " · " : ""}
        {target}
      </Text>
    </>
  );
}
