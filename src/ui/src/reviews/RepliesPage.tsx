import { Badge, Button, Card, Group, Kbd, Select, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { campaigns, decideReview, reviews } from "../api/client";
import type { Reading, ReviewRow } from "../api/types";
import { Panel } from "../board/Panel";
import { moment, phone } from "../format";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";

const AGAIN_MS = 10_000;
/** The key of each decision, and its button's colour. */
const CHOICES: { decision: Reading; key: string; colour: string }[] = [
  { decision: "interested", key: "y", colour: "teal" },
  { decision: "not_interested", key: "n", colour: "gray" },
  { decision: "opt_out", key: "o", colour: "red" },
  { decision: "other", key: "x", colour: "gray" },
];

/** Messages of customers that no rule fits, or that may opt out: a person says what each means, with one key. */
export function RepliesPage() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [at, setAt] = useState(0);
  const [chosen, setChosen] = useState<string | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const found = useQuery({ queryKey: ["reviews"], queryFn: () => reviews({ limit: 50 }), refetchInterval: AGAIN_MS });
  const rows = found.data?.items ?? [];
  const current = rows[Math.min(at, rows.length - 1)];
  const decide = useMutation({
    mutationFn: ({ row, decision }: { row: ReviewRow; decision: Reading }) => decideReview(row.message, decision, row.campaign ?? chosen),
    // Also where somebody was faster: what is shown is not what waits.
    onSettled: () => client.invalidateQueries({ queryKey: ["reviews"] }),
  });
  const waits = rows.length > 0;
  // Keys work while the list has the focus, which it has from the beginning: nobody who types elsewhere decides anything.
  useEffect(() => {
    if (waits) list.current?.focus();
  }, [waits]);
  const say = (decision: Reading) => {
    if (current !== undefined && !decide.isPending) decide.mutate({ row: current, decision });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target instanceof HTMLInputElement) return;
    const choice = CHOICES.find((one) => one.key === event.key.toLowerCase());
    if (choice !== undefined) say(choice.decision);
    else if (event.key === "ArrowDown") setAt(Math.min(at + 1, rows.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(Math.min(at, rows.length - 1) - 1, 0));
    else return;
    event.preventDefault();
  };
  return (
    <Stack data-testid="reviews">
      <Title order={1} fz="h2">
        {t("nav.replies")}
      </Title>
      <Panel title={t("reviews.title", { count: found.data?.waiting ?? 0 })}>
        <Stack>
          {found.error && <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />}
          {found.isPending && <Waiting />}
          {found.data && !waits && <Empty title={t("reviews.none")} next={t("reviews.noneNext")} />}
          {decide.error && <ProblemAlert error={decide.error} />}
          {waits && (
            <>
              <Text size="sm" c="dimmed">
                {t("reviews.keys")}
              </Text>
              <Stack ref={list} tabIndex={0} role="listbox" aria-label={t("nav.replies")} onKeyDown={onKey} gap="xs" data-testid="review-list">
                {rows.map((row) => (
                  <Review
                    key={row.message}
                    row={row}
                    current={row === current}
                    busy={decide.isPending}
                    chosen={chosen}
                    onChosen={setChosen}
                    onCurrent={() => setAt(rows.indexOf(row))}
                    onSay={say}
                  />
                ))}
              </Stack>
            </>
          )}
        </Stack>
      </Panel>
    </Stack>
  );
}

interface ReviewProps {
  row: ReviewRow;
  current: boolean;
  busy: boolean;
  chosen: string | null;
  onChosen: (campaign: string | null) => void;
  onCurrent: () => void;
  onSay: (decision: Reading) => void;
}

function Review({ row, current, busy, chosen, onChosen, onCurrent, onSay }: ReviewProps) {
  const { t, i18n } = useTranslation();
  const { suggestion } = row;
  return (
    <Card
      withBorder
      padding="sm"
      role="option"
      aria-selected={current}
      onClick={onCurrent}
      style={current ? { borderColor: "var(--mantine-primary-color-filled)", borderWidth: 2 } : undefined}
      data-testid={`review-${row.message}`}
    >
      <Stack gap={6}>
        <Group gap="xs">
          <Text component={Link} to={`/customers?number=${encodeURIComponent(row.number)}`} size="sm" className="figures">
            {phone(row.number)}
          </Text>
          <Text size="xs" c="dimmed">
            {moment(row.created_at, i18n.language)} · {row.campaign ?? t("reviews.noCampaign")}
          </Text>
          {row.meaning === "perhaps_opt_out" && (
            <Badge color="red" variant="light" tt="none" radius="sm">
              {t("reviews.held")}
            </Badge>
          )}
        </Group>
        {row.answers !== null && (
          <Text size="xs" c="dimmed" className="prewrap">
            {t("reviews.answers", { text: row.answers })}
          </Text>
        )}
        <Text className="prewrap" fw={600} style={{ overflowWrap: "anywhere" }}>
          {row.text}
        </Text>
        {suggestion !== null && suggestion !== undefined && (
          <Text size="sm" data-testid="suggestion">
            {t("reviews.suggested", { decision: t(`reviews.decision.${suggestion.decision}`) })} {why(suggestion, t)}
          </Text>
        )}
        {current && (
          <Group gap="xs" align="flex-end">
            {row.campaign === null && <Campaign chosen={chosen} onChosen={onChosen} />}
            {CHOICES.map(({ decision, key, colour }) => (
              <Button
                key={decision}
                size="xs"
                color={colour}
                variant={suggestion?.decision === decision ? "filled" : "light"}
                disabled={busy}
                onClick={() => onSay(decision)}
                rightSection={<Kbd size="xs">{key.toUpperCase()}</Kbd>}
                data-testid={`decide-${decision}`}
              >
                {t(decision === "other" && row.meaning === "perhaps_opt_out" ? "reviews.lift" : `reviews.decision.${decision}`)}
              </Button>
            ))}
          </Group>
        )}
      </Stack>
    </Card>
  );
}

/** For which campaign, of a message that answers none. */
function Campaign({ chosen, onChosen }: { chosen: string | null; onChosen: (campaign: string | null) => void }) {
  const { t } = useTranslation();
  const all = useQuery({ queryKey: ["campaigns", "all"], queryFn: campaigns });
  return (
    <Select
      size="xs"
      aria-label={t("reviews.campaign")}
      placeholder={t("reviews.campaign")}
      data={(all.data ?? []).filter((one) => one.state !== "ended").map((one) => ({ value: one.key, label: one.title }))}
      value={chosen}
      onChange={onChosen}
      clearable
      searchable
      data-testid="review-campaign"
    />
  );
}

type Translate = ReturnType<typeof useTranslation>["t"];

function why(suggestion: NonNullable<ReviewRow["suggestion"]>, t: Translate): string {
  if (suggestion.because === "before") return t("reviews.because.before", { times: suggestion.times });
  if (suggestion.because === "near") return t("reviews.because.near", { word: suggestion.word });
  return t("reviews.because.words");
}
