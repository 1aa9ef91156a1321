import { Alert, Button, Card, Divider, Group, Kbd, SimpleGrid, Stack, Text, Textarea, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useMemo, useReducer } from "react";
import { useTranslation } from "react-i18next";
import { asProblem } from "../api/problem";
import type { AgentAction, AgentResult, Campaign, DeskCall } from "../api/types";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { fromZoned } from "../zoneTime";
import type { About } from "./about";
import { CallbackPicker, zoneOf } from "./CallbackPicker";
import { changed, draftOf, dropDraft, keepDraft, leadKey } from "./draft";
import { resultOfKey, resultsFor } from "./outcomes";
import { OrderForm, orderOf } from "./OrderForm";
import { Questionnaire } from "./Questionnaire";

interface Props {
  call: DeskCall;
  campaign: Campaign | null;
  about: About;
  act: (action: AgentAction) => Promise<void>;
  onRecorded: (title: string) => void;
}

/** Problems that are told beside the field they are about. */
const SHOWN_IN_PLACE = new Set(["callback_outside_window", "callback_required", "note_required", "bad_order"]);

/** Questionnaire, note and result of one call. Everything typed is kept until the result is durable. */
export function ResultForm({ call, campaign, about, act, onRecorded }: Props) {
  const { t } = useTranslation();
  const id = call.call.id;
  const [draft, change] = useReducer(changed, call, draftOf);
  useEffect(() => keepDraft(id, draft), [id, draft]);

  const results = useMemo(
    () => resultsFor(campaign, (disposition) => t(`disposition.${disposition}`, { defaultValue: disposition })),
    [campaign, t],
  );
  const chosen = results.find((result) => result.key === draft.result) ?? null;
  const zone = zoneOf(about);
  const orders = campaign?.order ?? null;
  // Mostly the customer takes it.
  const order = draft.order.recipient === "" && about.name !== null ? { ...draft.order, recipient: about.name } : draft.order;
  const wantsCallback = chosen?.disposition === "callback";

  const record = useMutation({
    mutationFn: async (result: AgentResult) => {
      const at = wantsCallback ? fromZoned(draft.callbackAt, zone) : null;
      await act({
        action: "record",
        call: call.call,
        outcome: {
          result: result.key,
          answers: Object.fromEntries(Object.entries(draft.answers).filter(([, value]) => value.trim() !== "")),
          note: draft.note.trim(),
          callback: at === null ? null : { at, personal: draft.callbackMine },
          order: orders && result.disposition === "accepted" ? orderOf(orders, order) : null,
        },
      });
    },
    onSuccess: (_, result) => {
      if (call.lead !== null) dropDraft(leadKey(call.lead));
      onRecorded(result.title);
    },
  });

  const problem = record.error ? asProblem(record.error) : null;
  const noteMissing = chosen?.note_required === true && draft.note.trim() === "";
  const submit = () => {
    if (chosen && !record.isPending && !call.recorded) record.mutate(chosen);
  };
  useResultKeys(results, (result) => change({ type: "chosen", result: result.key }), submit, !call.recorded);

  if (call.recorded || record.isSuccess) return <Recorded title={chosen?.title ?? null} />;
  return (
    <Card withBorder className="card" padding="md" component="section" aria-label={t("result.title")} data-testid="result-form">
      <Stack gap="sm">
        <Questionnaire
          questions={campaign?.questionnaire ?? []}
          answers={draft.answers}
          problem={problem}
          onAnswer={(key, value) => change({ type: "answered", key, value })}
        />
        <Divider />
        <Title order={2} fz="md" id="result-title">
          {t("result.title")}
        </Title>
        <ResultButtons results={results} chosen={draft.result} onChoose={(key) => change({ type: "chosen", result: key })} />
        {wantsCallback && (
          <CallbackPicker
            at={draft.callbackAt}
            mine={draft.callbackMine}
            zone={zone}
            zoneKnown={about.zones.length > 0}
            problem={problem}
            onAt={(at) => {
              record.reset();
              change({ type: "agreed", at });
            }}
            onMine={(mine) => change({ type: "mine", mine })}
          />
        )}
        {orders && chosen?.disposition === "accepted" && (
          <OrderForm
            rules={orders}
            draft={order}
            problem={problem}
            onChange={(changed) => change({ type: "ordered", order: changed })}
          />
        )}
        <Textarea
          label={t("result.note")}
          withAsterisk={chosen?.note_required}
          required={chosen?.note_required}
          description={chosen?.note_required ? t("result.noteRequired") : undefined}
          error={problem?.code === "note_required" && noteMissing ? t("problem.note_required") : null}
          value={draft.note}
          onChange={(event) => change({ type: "noted", note: event.currentTarget.value })}
          autosize
          minRows={2}
          maxRows={8}
          data-testid="note"
        />
        {problem && !SHOWN_IN_PLACE.has(problem.code) && <ProblemAlert error={problem} />}
        <Group justify="space-between" wrap="nowrap">
          <Text size="xs" c="dimmed">
            {t("result.kept")}
          </Text>
          <Button
            onClick={submit}
            loading={record.isPending}
            disabled={chosen === null}
            leftSection={<Icon name="ready" />}
            style={{ flex: "none" }}
            data-testid="record"
          >
            {t("result.record")}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}

function Recorded({ title }: { title: string | null }) {
  const { t } = useTranslation();
  return (
    <Alert color="teal" icon={<Icon name="ready" />} role="status" title={t("result.recorded")} data-testid="recorded">
      {title}
    </Alert>
  );
}

interface ButtonsProps {
  results: AgentResult[];
  chosen: string | null;
  onChoose: (key: string) => void;
}

function ResultButtons({ results, chosen, onChoose }: ButtonsProps) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing={6} role="group" aria-labelledby="result-title">
      {results.map((result, index) => (
        <Button
          key={result.key}
          variant={chosen === result.key ? "filled" : "default"}
          aria-pressed={chosen === result.key}
          aria-keyshortcuts={index < 9 ? `Alt+${index + 1}` : undefined}
          justify="space-between"
          h="auto"
          mih={36}
          py={6}
          px="sm"
          styles={{ label: { whiteSpace: "normal", textAlign: "left" } }}
          leftSection={chosen === result.key ? <Icon name="ready" /> : undefined}
          rightSection={index < 9 ? <Kbd size="xs">Alt+{index + 1}</Kbd> : undefined}
          onClick={() => onChoose(result.key)}
          data-testid={`result-${result.key}`}
        >
          {result.title}
        </Button>
      ))}
    </SimpleGrid>
  );
}

/** Alt+1 to Alt+9 choose, Alt+Enter records: with a modifier, so that typing never records anything (WCAG 2.1.4). */
function useResultKeys(results: AgentResult[], choose: (result: AgentResult) => void, submit: () => void, on: boolean) {
  useEffect(() => {
    if (!on) return;
    const pressed = (event: KeyboardEvent) => {
      const result = resultOfKey(event, results);
      if (result) {
        event.preventDefault();
        choose(result);
      } else if (event.altKey && event.key === "Enter") {
        event.preventDefault();
        submit();
      }
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  });
}
