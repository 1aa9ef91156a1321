import { Anchor, Button, Group, Mark, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { searchResults } from "../api/client";
import type { Campaign, FoundResult, Recorded } from "../api/types";
import { Panel } from "../board/Panel";
import { count, moment, phone } from "../format";
import { RecordedFilter } from "../recordings/RecordedFilter";
import { Recording } from "../recordings/Recording";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { fromZoned } from "../zoneTime";

interface Asked {
  text: string;
  question: string | null;
  from: string;
  recorded: Recorded | null;
}

const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** What agents wrote about the customers of a campaign, by its words. */
export function Search({ campaign }: { campaign: Campaign }) {
  const { t, i18n } = useTranslation();
  const [text, setText] = useState("");
  const [question, setQuestion] = useState<string | null>(null);
  const [from, setFrom] = useState("");
  const [recorded, setRecorded] = useState<Recorded | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const pages = useInfiniteQuery({
    queryKey: ["campaigns", campaign.key, "search", asked],
    queryFn: ({ pageParam }) => {
      const since = asked && asked.from !== "" ? fromZoned(`${asked.from}T00:00`, OWN_ZONE) : null;
      return searchResults(campaign.key, {
        text: asked?.text ?? "",
        ...(asked?.question ? { question: asked.question } : {}),
        ...(since === null ? {} : { from: since }),
        ...(asked?.recorded ? { recording: asked.recorded } : {}),
        ...(pageParam ? { cursor: pageParam } : {}),
      });
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    enabled: asked !== null,
  });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const looked = pages.data?.pages.reduce((sum, page) => sum + page.looked_through, 0) ?? 0;
  const backTo = pages.data?.pages.at(-1)?.back_to ?? null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked({ text: text.trim(), question, from, recorded });
  };
  return (
    <Panel title={t("search.title")}>
      <Stack>
        <form onSubmit={submit}>
          <Group align="flex-end">
            <TextInput label={t("search.text")} description={t("search.textNote")} value={text} onChange={(event) => setText(event.currentTarget.value)} maxLength={200} data-testid="search-text" />
            <Select
              label={t("search.question")}
              placeholder={t("search.anywhere")}
              data={campaign.questionnaire.map((one) => ({ value: one.key, label: one.text }))}
              value={question}
              onChange={setQuestion}
              clearable
              searchable
              data-testid="search-question"
            />
            <TextInput type="date" label={t("exports.from")} value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
            <RecordedFilter label={t("recording.title")} value={recorded} onChange={setRecorded} />
            <Button type="submit" variant="default" disabled={text.trim() === "" && question === null} data-testid="search-do">
              {t("search.do")}
            </Button>
          </Group>
        </form>
        {pages.error && <ProblemAlert error={pages.error} onRetry={() => void pages.refetch()} />}
        {asked !== null && pages.isPending && <Waiting />}
        {rows.length > 0 && <FoundTable rows={rows} campaign={campaign} text={asked?.text ?? ""} />}
        {pages.data && (
          <Text size="sm" c="dimmed" role="status" data-testid="search-reach">
            {backTo === null
              ? t("search.all", { found: count(rows.length, i18n.language), looked: count(looked, i18n.language) })
              : t("search.reach", { found: count(rows.length, i18n.language), looked: count(looked, i18n.language), time: moment(backTo, i18n.language) })}
          </Text>
        )}
        {pages.hasNextPage && (
          <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()} data-testid="search-further">
            {t("search.further")}
          </Button>
        )}
      </Stack>
    </Panel>
  );
}

function FoundTable({ rows, campaign, text }: { rows: FoundResult[]; campaign: Campaign; text: string }) {
  const { t, i18n } = useTranslation();
  const titleOf = (result: string) => campaign.results.find((one) => one.key === result)?.title ?? result;
  const questionOf = (key: string) => campaign.questionnaire.find((one) => one.key === key)?.text ?? key;
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table fz="sm" verticalSpacing={6} data-testid="search-found">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("search.when")}</Table.Th>
            <Table.Th>{t("callbacks.customer")}</Table.Th>
            <Table.Th>{t("attempt.result")}</Table.Th>
            <Table.Th>{t("search.written")}</Table.Th>
            <Table.Th>{t("recording.title")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.call.id}>
              <Table.Td className="figures">
                {moment(row.at, i18n.language)}
                <Text size="xs" c="dimmed">
                  {row.agent ?? "–"}
                </Text>
              </Table.Td>
              <Table.Td>
                {row.name}
                {row.number !== null && (
                  <Text size="sm">
                    <Anchor component={Link} to={`/customers?number=${encodeURIComponent(row.number)}`} size="sm" className="figures">
                      {phone(row.number)}
                    </Anchor>
                  </Text>
                )}
              </Table.Td>
              <Table.Td>{titleOf(row.result)}</Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
                {row.in_note && <Marked whole={row.note} part={text} />}
                {row.in_answers.map((key) => (
                  <Text key={key} size="sm">
                    {questionOf(key)} <Marked whole={row.answers[key] ?? ""} part={text} />
                  </Text>
                ))}
              </Table.Td>
              <Table.Td>
                <Recording call={row.call.id} recording={row.recording} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** A text in which another is marked, in upper or lower case. */
export function Marked({ whole, part }: { whole: string; part: string }) {
  const lower = whole.toLowerCase();
  const wanted = part.toLowerCase();
  // Some letters change their length with their case: then nothing is marked rather than the wrong place.
  if (wanted === "" || lower.length !== whole.length) return <>{whole}</>;
  const pieces = [];
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    pieces.push(whole.slice(from, at), <Mark key={at}>{whole.slice(at, at + wanted.length)}</Mark>);
    from = at + wanted.length;
  }
  return (
    <>
      {pieces}
      {whole.slice(from)}
    </>
  );
}
