import { Button, Group, Select, SegmentedControl, Stack, Text, Title } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { campaigns, promises } from "../api/client";
import { OWED_STATES } from "../api/types";
import { Panel } from "../board/Panel";
import { Empty } from "../shell/Empty";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { PromiseReport } from "./PromiseReport";
import { PromiseTable } from "./PromiseTable";

/** Time left changes by the minute. */
const AGAIN_MS = 10_000;

/** Calls that are owed to customers who asked for them, and how many were made in time. */
export function PromisesPage() {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const campaign = params.get("campaign") ?? undefined;
  const state = OWED_STATES.find((one) => one === params.get("state"));
  const show = (key: string, value: string | null) => {
    const next = new URLSearchParams(params);
    if (value === null || value === "") next.delete(key);
    else next.set(key, value);
    setParams(next, { replace: true });
  };
  const all = useQuery({ queryKey: ["campaigns", "all"], queryFn: campaigns });
  const pages = useInfiniteQuery({
    queryKey: ["promises", campaign, state],
    queryFn: ({ pageParam }) => promises({ campaign, state, ...(pageParam ? { cursor: pageParam } : {}) }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: AGAIN_MS,
  });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Stack data-testid="promises">
      <Title order={1} fz="h2">
        {t("nav.promises")}
      </Title>
      <Panel title={t("promises.title")}>
        <Stack>
          <Group align="flex-end">
            <Select
              label={t("promises.campaign")}
              placeholder={t("promises.all")}
              data={(all.data ?? []).map((one) => ({ value: one.key, label: one.title }))}
              value={campaign ?? null}
              onChange={(value) => show("campaign", value)}
              clearable
              searchable
              data-testid="promises-campaign"
            />
            <Stack gap={4}>
              <Text size="sm" fw={500} id="promises-state">
                {t("promises.state")}
              </Text>
              <SegmentedControl
                aria-labelledby="promises-state"
                value={state ?? ""}
                onChange={(value) => show("state", value)}
                data={[
                  { value: "", label: t("promises.all") },
                  ...OWED_STATES.map((one) => ({ value: one, label: t(`promises.states.${one}`) })),
                ]}
              />
            </Stack>
          </Group>
          {pages.error && <ProblemAlert error={pages.error} onRetry={() => void pages.refetch()} />}
          {pages.isPending && <Waiting />}
          {pages.data && rows.length === 0 && <Empty title={t("promises.none")} next={t("promises.noneNext")} />}
          {rows.length > 0 && <PromiseTable rows={rows} />}
          {pages.hasNextPage && (
            <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()} data-testid="promises-more">
              {t("promises.more")}
            </Button>
          )}
        </Stack>
      </Panel>
      <PromiseReport campaign={campaign} />
    </Stack>
  );
}
