import { Alert, Badge, Button, Group, NativeSelect, Progress, Stack, Table, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { outreachAudience, outreachRecipients, outreaches as askOutreaches, pauseOutreach, startOutreach, testOutreach } from "../api/client";
import type { AudienceView, OutreachView } from "../api/types";
import { Panel } from "../board/Panel";
import { count, moment } from "../format";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { BARS, kindOf, kindsOf, shares, type Kind } from "./outreachKinds";

const AGAIN_MS = 2000;
const PAGE = 100;

/** The messages that a campaign starts with: what they would say, how far they are, and what became of each. */
export function Outreach({ campaign }: { campaign: string }) {
  const { t } = useTranslation();
  const found = useQuery({ queryKey: ["outreach", campaign], queryFn: () => askOutreaches(campaign), refetchInterval: (query) => (query.state.data?.some((one) => one.run?.state === "running") ? AGAIN_MS : 15_000) });
  if (found.error) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  if (found.data.length === 0) return <Empty title={t("outreach.none")} next={t("outreach.noneNext")} />;
  return (
    <Stack data-testid="outreach">
      {found.data.map((one) => (
        <One key={one.name} campaign={campaign} view={one} />
      ))}
    </Stack>
  );
}

function One({ campaign, view }: { campaign: string; view: OutreachView }) {
  const { t, i18n } = useTranslation();
  const client = useQueryClient();
  const [looks, setLooks] = useState(false);
  const [listed, setListed] = useState<Kind | null>(null);
  const again = () => void client.invalidateQueries({ queryKey: ["outreach", campaign] });
  const start = useMutation({ mutationFn: () => startOutreach(campaign, view.name), onSettled: again });
  const pause = useMutation({ mutationFn: () => pauseOutreach(campaign, view.name), onSettled: again });
  const state = view.run?.state ?? "new";
  const error = start.error ?? pause.error;
  return (
    <Panel title={view.name}>
      <Stack gap="sm" data-testid={`outreach-${view.name}`}>
        <Group justify="space-between">
          <Group gap="xs">
            <Badge variant="light" tt="none" radius="sm" color={state === "running" ? "teal" : state === "paused" ? "orange" : "gray"} data-testid="outreach-state">
              {t(`outreach.state.${state}`)}
            </Badge>
            <Text size="sm" c="dimmed">
              {view.outreach ? t("outreach.list", { list: view.outreach.list }) : t("outreach.gone")}
              {view.run ? ` · ${t("outreach.by", { who: view.run.state_by, at: moment(view.run.state_at, i18n.language) })}` : ""}
            </Text>
          </Group>
          <Group gap="xs">
            {view.outreach && (
              <Button size="xs" variant="default" onClick={() => setLooks(!looks)} aria-expanded={looks} data-testid="outreach-look">
                {t("outreach.look")}
              </Button>
            )}
            {state === "running" ? (
              <Button size="xs" color="orange" loading={pause.isPending} onClick={() => pause.mutate()} data-testid="outreach-pause">
                {t("outreach.pause")}
              </Button>
            ) : (
              view.outreach && (
                <Button size="xs" loading={start.isPending} onClick={() => start.mutate()} data-testid="outreach-start">
                  {t(state === "new" ? "outreach.start" : "outreach.goOn")}
                </Button>
              )
            )}
          </Group>
        </Group>
        {error && <ProblemAlert error={error} />}
        {state === "running" && view.run?.held && (
          <Alert color="orange" role="status" data-testid="outreach-held">
            {t("outreach.held", { why: view.run.held })}
          </Alert>
        )}
        {state !== "running" && view.obstacle && (
          <Text size="sm" c="dimmed">
            {t("outreach.obstacle", { why: view.obstacle })}
          </Text>
        )}
        {view.run && <Far view={view} listed={listed} onList={setListed} />}
        {view.run && listed && <Recipients campaign={campaign} name={view.name} kind={listed} />}
        {looks && <Look campaign={campaign} name={view.name} />}
      </Stack>
    </Panel>
  );
}

/** How far it is: a bar of what became of the messages, and a row of figures for each text. */
function Far({ view, listed, onList }: { view: OutreachView; listed: Kind | null; onList: (kind: Kind | null) => void }) {
  const { t, i18n } = useTranslation();
  const kinds = kindsOf(view.counts);
  const total = [...kinds.values()].reduce((sum, value) => sum + value, 0);
  const variants = [...new Set(view.counts.map((one) => one.variant))].sort();
  const shown = (value: number) => count(value, i18n.language);
  return (
    <Stack gap="xs">
      <Progress.Root size="lg" aria-label={t("outreach.far", { total: shown(total) })} data-testid="outreach-bar">
        {shares(kinds).map(({ kind, share }) => (
          <Progress.Section key={kind} value={share} color={BARS[kind]} title={`${t(`outreach.kind.${kind}`)}: ${shown(kinds.get(kind) ?? 0)}`} />
        ))}
      </Progress.Root>
      <Text size="xs" c="dimmed">
        {view.run?.gathered ? t("outreach.gathered", { people: shown(view.run.looked_at), total: shown(total) }) : t("outreach.gathering", { people: shown(view.run?.looked_at ?? 0) })}
        {view.next_at !== undefined && view.next_at !== null && view.run?.state === "running" ? ` · ${t("outreach.next", { at: moment(view.next_at, i18n.language) })}` : ""}
      </Text>
      {total > 0 && (
        <Table fz="sm" verticalSpacing={4} data-testid="outreach-counts">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("outreach.kindTitle")}</Table.Th>
              {variants.map((variant) => (
                <Table.Th key={variant} ta="right">
                  {variant}
                </Table.Th>
              ))}
              <Table.Th ta="right">{t("general.total")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody className="figures">
            {[...kinds].map(([kind, value]) => (
              <Table.Tr key={kind}>
                <Table.Td>
                  <Button size="compact-sm" variant={listed === kind ? "light" : "subtle"} onClick={() => onList(listed === kind ? null : kind)} data-testid={`outreach-list-${kind}`}>
                    {t(`outreach.kind.${kind}`)}
                  </Button>
                </Table.Td>
                {variants.map((variant) => (
                  <Table.Td key={variant} ta="right">
                    {shown(view.counts.filter((one) => one.variant === variant && kindOf(one) === kind).reduce((sum, one) => sum + one.count, 0))}
                  </Table.Td>
                ))}
                <Table.Td ta="right" data-testid={`outreach-count-${kind}`}>
                  {shown(value)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Stack>
  );
}

/** The people behind a figure. */
function Recipients({ campaign, name, kind }: { campaign: string; name: string; kind: Kind }) {
  const { t, i18n } = useTranslation();
  const [after, setAfter] = useState<string | undefined>(undefined);
  const found = useQuery({
    queryKey: ["outreach-recipients", campaign, name, kind, after],
    queryFn: () => outreachRecipients(campaign, name, { state: kind, after, limit: PAGE }),
  });
  if (found.error) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  const last = found.data.at(-1);
  return (
    <Stack gap="xs" data-testid="outreach-recipients">
      <Table fz="sm" verticalSpacing={4}>
        <Table.Tbody>
          {found.data.map((row) => (
            <Table.Tr key={row.lead} title={row.lead}>
              <Table.Td>{row.number}</Table.Td>
              <Table.Td>{row.name ?? ""}</Table.Td>
              <Table.Td>{`${row.variant}, ${row.language}`}</Table.Td>
              <Table.Td>
                {row.skipped ? t(`outreach.kind.${row.skipped}`) : row.due_at !== null && row.due_at !== undefined ? t("outreach.due", { at: moment(row.due_at, i18n.language) }) : ""}
                {row.detail ? ` (${row.detail})` : ""}
                {row.error ? ` ${row.error}` : ""}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {(after !== undefined || found.data.length === PAGE) && (
        <Group>
          <Button size="xs" variant="default" disabled={after === undefined} onClick={() => setAfter(undefined)}>
            {t("outreach.first")}
          </Button>
          <Button size="xs" variant="default" disabled={found.data.length < PAGE} onClick={() => setAfter(last?.lead)}>
            {t("outreach.more")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

/** What would be sent, to how many, and to whom not; and a test to numbers of one's own. */
function Look({ campaign, name }: { campaign: string; name: string }) {
  const { t, i18n } = useTranslation();
  const found = useQuery({ queryKey: ["outreach-audience", campaign, name], queryFn: () => outreachAudience(campaign, name) });
  if (found.error) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  const seen = found.data;
  const shown = (value: number) => count(value, i18n.language);
  return (
    <Stack gap="sm" data-testid="outreach-audience">
      <Text size="sm">
        {t(seen.whole ? "outreach.seen" : "outreach.seenFirst", { people: shown(seen.people), looked: shown(seen.looked_at) })}
      </Text>
      {seen.unknown.length > 0 && (
        <Alert color="red" role="alert">
          {t("outreach.unknown", { columns: seen.unknown.join(", "), there: ["name", ...seen.columns].join(", ") })}
        </Alert>
      )}
      {seen.texts.map((text) => (
        <Stack key={`${text.variant}-${text.language}`} gap={4}>
          <Text size="sm" fw={600}>
            {t("outreach.text", { variant: text.variant, language: text.language, people: shown(text.people), sms: shown(text.sms), most: text.parts_max })}
          </Text>
          {text.samples.map((sample) => (
            <Text key={sample.lead} size="sm" className="prewrap" data-testid="outreach-sample">
              {sample.text}
            </Text>
          ))}
        </Stack>
      ))}
      {seen.cost !== null && (
        <Text size="sm" data-testid="outreach-cost">
          {t("outreach.cost", { cost: new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 2 }).format(seen.cost) })}
        </Text>
      )}
      {seen.skipped.map((skipped) => (
        <Text key={`${skipped.why}-${skipped.detail ?? ""}`} size="sm" c="dimmed">
          {t("outreach.leftOut", { people: shown(skipped.people), why: t(`outreach.kind.${skipped.why}`) })}
          {skipped.detail ? ` (${skipped.detail})` : ""}
        </Text>
      ))}
      <TestForm campaign={campaign} name={name} seen={seen} />
    </Stack>
  );
}

function TestForm({ campaign, name, seen }: { campaign: string; name: string; seen: AudienceView }) {
  const { t } = useTranslation();
  const variants = [...new Set(seen.texts.map((text) => text.variant))];
  const [numbers, setNumbers] = useState("");
  const [variant, setVariant] = useState(variants[0] ?? "");
  const asked = numbers.split(/[\s,;，；]+/).filter((number) => number !== "");
  const test = useMutation({ mutationFn: () => testOutreach(campaign, name, { numbers: asked, variant: variant === "" ? undefined : variant }) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    test.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="xs">
        {test.error && <ProblemAlert error={test.error} />}
        {test.isSuccess && (
          <Text size="sm" role="status" data-testid="outreach-tested">
            {t("outreach.tested", { count: test.data.length })}
          </Text>
        )}
        <Group align="flex-end">
          <TextInput label={t("outreach.testTo")} value={numbers} onChange={(event) => setNumbers(event.currentTarget.value)} data-testid="outreach-numbers" />
          {variants.length > 1 && <NativeSelect label={t("outreach.variant")} data={variants} value={variant} onChange={(event) => setVariant(event.currentTarget.value)} />}
          <Button type="submit" variant="default" loading={test.isPending} disabled={asked.length === 0} data-testid="outreach-test">
            {t("outreach.test")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
