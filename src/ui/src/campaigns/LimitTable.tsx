import { Button, Group, List, NumberInput, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { campaignLimits, changeLimits } from "../api/client";
import type { LimitChange, LimitView } from "../api/types";
import { SettingTable } from "../board/SettingTable";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { type LimitField, limitsOf, mostOf, shownLimit, typedLimit } from "./limits";

/** Others change limits too. */
const AGAIN_MS = 10_000;

/** The limits of a campaign that can be set while it runs: what is in force, what the definition says, who set it, and the way back. */
export function LimitTable({ campaign }: { campaign: string }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [edited, setEdited] = useState(false);
  const found = useQuery({ queryKey: ["campaigns", campaign, "limits"], queryFn: () => campaignLimits(campaign), refetchInterval: AGAIN_MS });
  const back = useMutation({
    mutationFn: (limit: LimitField) => changeLimits(campaign, { to_definition: [limit] }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["campaigns", campaign] }),
  });
  if (found.isPending) return <Waiting />;
  if (found.error) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  const shown = (limit: LimitView, value: number | null) => shownLimit(limit.limit, value) ?? t("limits.none");
  return (
    <Stack gap="xs">
      {back.error && <ProblemAlert error={back.error} />}
      <SettingTable
        kind="limit"
        id="limits-live"
        heading={t("limits.limit")}
        filedHeading={t("limits.defined")}
        backLabel={t("limits.back")}
        settings={found.data.map((limit) => ({
          name: limit.limit,
          title: t(`limits.${limit.limit}`),
          inForce: shown(limit, limit.in_force),
          filed: shown(limit, limit.defined),
          set: limit.set,
          mayGoBack: limit.set,
          changedBy: limit.changed_by,
          changedAt: limit.changed_at,
        }))}
        goingBack={back.isPending ? back.variables : null}
        onBack={(limit) => back.mutate(limit)}
      />
      {edited ? (
        <LimitForm campaign={campaign} limits={found.data} onDone={() => setEdited(false)} />
      ) : (
        <Group>
          <Button size="xs" variant="default" leftSection={<Icon name="adjust" />} onClick={() => setEdited(true)} data-testid="limits-adjust">
            {t("controls.adjust")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function LimitForm({ campaign, limits, onDone }: { campaign: string; limits: LimitView[]; onDone: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  // What was in force when the form was opened: what others set meanwhile must not move under the hand.
  const [before] = useState(limits);
  const [typed, setTyped] = useState<Partial<Record<LimitField, string>>>(
    Object.fromEntries(before.map((limit) => [limit.limit, typedLimit(limit)])),
  );
  const { change, wrong, differences } = limitsOf(before, typed);
  const apply = useMutation({
    mutationFn: (wanted: LimitChange) => changeLimits(campaign, wanted),
    onSuccess: async () => {
      onDone();
      await queries.invalidateQueries({ queryKey: ["campaigns", campaign] });
    },
  });
  const ready = differences.length > 0 && wrong.length === 0;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) apply.mutate(change);
      }}
    >
      <Stack>
        <Group align="flex-start" grow>
          {before.map((limit) => (
            <NumberInput
              key={limit.limit}
              label={t(`limits.${limit.limit}`)}
              description={t(`limits.${limit.limit}Note`, { max: mostOf(limit) })}
              value={typed[limit.limit] ?? ""}
              onChange={(value) => setTyped({ ...typed, [limit.limit]: String(value) })}
              min={0}
              max={mostOf(limit)}
              suffix={limit.limit === "abandon_rate_max" ? " %" : ""}
              clampBehavior="none"
              error={wrong.includes(limit.limit) ? t("controls.range", { max: mostOf(limit) }) : null}
              data-testid={`limit-${limit.limit}`}
            />
          ))}
        </Group>
        <div aria-live="polite" data-testid="limit-changes">
          <Text size="sm" fw={600}>
            {differences.length === 0 ? t("controls.nothing") : t("limits.willChange")}
          </Text>
          <List size="sm">
            {differences.map((one) => (
              <List.Item key={one.field}>
                {t("controls.change", { what: t(`limits.${one.field}`), from: one.from ?? t("limits.none"), to: one.to })}
              </List.Item>
            ))}
          </List>
        </div>
        {apply.error && <ProblemAlert error={apply.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t("general.cancel")}
          </Button>
          <Button type="submit" loading={apply.isPending} disabled={!ready} data-testid="limit-apply">
            {t("controls.apply")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
