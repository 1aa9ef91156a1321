import { Button, Group, Select, SegmentedControl, Stack, Text, Title } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { callbacks, campaigns, users } from "../api/client";
import { CALLBACK_STATES, type CallbackState, type CallbackView, type User } from "../api/types";
import { Panel } from "../board/Panel";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { CallbackTable } from "./CallbackTable";
import { ChangeCallbacks } from "./ChangeCallbacks";

/** Whoever may take a call, as the filter names it; no login looks like this. */
const TEAM = "*";
/** Figures of lateness change by the minute. */
const AGAIN_MS = 30_000;

/** All promised calls of all campaigns: which are late, whose they are, and what becomes of them. */
export function CallbacksPage() {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const [chosen, setChosen] = useState<CallbackView[]>([]);
  const filter = {
    campaign: params.get("campaign") ?? undefined,
    whose: params.get("whose") ?? undefined,
    state: CALLBACK_STATES.find((one) => one === params.get("state")),
  };
  const show = (key: string, value: string | null) => {
    const next = new URLSearchParams(params);
    if (value === null || value === "") next.delete(key);
    else next.set(key, value);
    setChosen([]);
    setParams(next, { replace: true });
  };
  const people = useQuery({ queryKey: ["users"], queryFn: users });
  const agents = (people.data ?? []).filter((user) => user.role === "agent" && user.disabled_at === null);
  const pages = useInfiniteQuery({
    queryKey: ["callbacks", filter],
    queryFn: ({ pageParam }) =>
      callbacks({
        campaign: filter.campaign,
        state: filter.state,
        ...(filter.whose === TEAM ? { team: true } : { agent: filter.whose }),
        ...(pageParam ? { cursor: pageParam } : {}),
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: AGAIN_MS,
  });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Stack data-testid="callbacks">
      <Title order={1} fz="h2">
        {t("nav.callbacks")}
      </Title>
      <Panel title={t("callbacks.title")}>
        <Stack>
          <Filters filter={filter} agents={agents} onShow={show} />
          {chosen.length > 0 && <ChangeCallbacks chosen={chosen} agents={agents} onChosen={setChosen} />}
          {pages.error && <ProblemAlert error={pages.error} onRetry={() => void pages.refetch()} />}
          {pages.isPending && <Waiting />}
          {pages.data && rows.length === 0 && <Empty title={t("callbacks.none")} next={t("callbacks.noneNext")} />}
          {rows.length > 0 && <CallbackTable rows={rows} chosen={chosen} onChosen={setChosen} />}
          {pages.hasNextPage && (
            <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()} data-testid="callbacks-more">
              {t("callbacks.more")}
            </Button>
          )}
        </Stack>
      </Panel>
    </Stack>
  );
}

interface FiltersProps {
  filter: { campaign?: string | undefined; whose?: string | undefined; state?: CallbackState | undefined };
  agents: User[];
  onShow: (key: string, value: string | null) => void;
}

function Filters({ filter, agents, onShow }: FiltersProps) {
  const { t } = useTranslation();
  const all = useQuery({ queryKey: ["campaigns", "all"], queryFn: campaigns });
  return (
    <Group align="flex-end">
      <Select
        label={t("callbacks.campaign")}
        placeholder={t("callbacks.all")}
        data={(all.data ?? []).map((one) => ({ value: one.key, label: one.title }))}
        value={filter.campaign ?? null}
        onChange={(value) => onShow("campaign", value)}
        clearable
        searchable
        data-testid="callbacks-campaign"
      />
      <Select
        label={t("callbacks.whose")}
        placeholder={t("callbacks.everybody")}
        data={[{ value: TEAM, label: t("callbacks.team") }, ...agents.map((one) => ({ value: one.login, label: one.name }))]}
        value={filter.whose ?? null}
        onChange={(value) => onShow("whose", value)}
        clearable
        searchable
        data-testid="callbacks-whose"
      />
      <Stack gap={4}>
        <Text size="sm" fw={500} id="callbacks-state">
          {t("callbacks.state")}
        </Text>
        <SegmentedControl
          aria-labelledby="callbacks-state"
          value={filter.state ?? ""}
          onChange={(value) => onShow("state", value)}
          data={[
            { value: "", label: t("callbacks.all") },
            ...CALLBACK_STATES.map((state) => ({ value: state, label: t(`callbacks.states.${state}`) })),
          ]}
        />
      </Stack>
    </Group>
  );
}
