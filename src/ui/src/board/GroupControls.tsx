import { Anchor, Button, Group, List, Modal, NumberInput, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { changeGroup } from "../api/client";
import type { GroupChange, GroupView } from "../api/types";
import { linkOf } from "../campaigns/whatifQuestion";
import { Icon } from "../icons";
import { useLiveBoard } from "../shell/BoardContext";
import { ProblemAlert } from "../shell/ProblemAlert";
import { ControlTable } from "./ControlTable";
import { changesOf, type ControlField } from "./controls";

/** Opens the live controls of a group's gate. */
export function GroupControls({ group, linked }: { group: GroupView; linked: boolean }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button
        size="xs"
        variant="default"
        leftSection={<Icon name="adjust" />}
        onClick={() => setOpened(true)}
        data-testid={`adjust-${group.group}`}
      >
        {t("controls.adjust")}
      </Button>
      <Modal
        size="lg"
        opened={opened}
        onClose={() => setOpened(false)}
        title={t("controls.title", { group: group.title })}
        closeButtonProps={{ "aria-label": t("general.close") }}
      >
        {opened && <ControlForm group={group} linked={linked} onDone={() => setOpened(false)} />}
      </Modal>
    </>
  );
}

function ControlForm({ group, linked, onDone }: { group: GroupView; linked: boolean; onDone: () => void }) {
  const { t } = useTranslation();
  // What was in force when the form was opened: figures that change meanwhile must not move under the hand.
  const [before] = useState(group);
  const [typed, setTyped] = useState<Record<ControlField, string | number>>({
    idle_threshold: round(before.idle_threshold * 100),
    hysteresis: round(before.hysteresis * 100),
    dwell_s: before.dwell_s,
    reserve: before.reserve,
  });
  const { change, wrong, differences } = changesOf(before, typed);
  const queries = useQueryClient();
  const apply = useMutation({
    mutationFn: (wanted: GroupChange) => changeGroup(before.group, wanted),
    onSuccess: async () => {
      onDone();
      await queries.invalidateQueries({ queryKey: ["groups", before.group] });
    },
  });
  const field = (name: ControlField, suffix: string, max: number, step: number) => (
    <NumberInput
      label={t(`controls.${name}`)}
      description={t(`controls.${name}Note`)}
      value={typed[name]}
      onChange={(value) => setTyped({ ...typed, [name]: value })}
      min={0}
      max={max}
      step={step}
      suffix={suffix}
      clampBehavior="none"
      error={wrong.includes(name) ? t("controls.range", { max }) : null}
      data-testid={`control-${name}`}
    />
  );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (differences.length > 0 && wrong.length === 0) apply.mutate(change);
      }}
    >
      <Stack>
        {field("idle_threshold", " %", 100, 5)}
        {field("hysteresis", " %", 100, 1)}
        {field("dwell_s", " s", 3600, 1)}
        {field("reserve", "", 1000, 1)}
        <div aria-live="polite" data-testid="control-changes">
          <Text size="sm" fw={600}>
            {differences.length === 0 ? t("controls.nothing") : t("controls.willChange", { group: before.title })}
          </Text>
          <List size="sm">
            {differences.map((one) => (
              <List.Item key={one.field}>
                {t("controls.change", { what: t(`controls.${one.field}`), from: one.from, to: one.to })}
              </List.Item>
            ))}
          </List>
        </div>
        {linked && <WhatItWouldHaveDone group={before.group} change={change} />}
        {apply.error && <ProblemAlert error={apply.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t("general.cancel")}
          </Button>
          <Button
            type="submit"
            loading={apply.isPending}
            disabled={differences.length === 0 || wrong.length > 0}
            data-testid="control-apply"
          >
            {t("controls.apply")}
          </Button>
        </Group>
        <ControlTable group={before.group} />
      </Stack>
    </form>
  );
}

/** Links to the campaigns of the group, with the change filled in. */
function WhatItWouldHaveDone({ group, change }: { group: string; change: GroupChange }) {
  const { t } = useTranslation();
  const { snapshot } = useLiveBoard();
  const campaigns = snapshot?.campaigns.filter((one) => one.group === group) ?? [];
  const set = Object.entries(change).filter(([, value]) => value !== null && value !== undefined);
  if (campaigns.length === 0 || set.length === 0) return null;
  const link = linkOf(Object.fromEntries(set.map(([key, value]) => [key, String(value)])));
  return (
    <Stack gap={2}>
      {campaigns.map((one) => (
        <Anchor key={one.campaign} component={Link} to={`/campaigns/${one.campaign}${link}`} size="sm" data-testid={`control-whatif-${one.campaign}`}>
          {t("whatif.beforeFor", { campaign: one.title })}
        </Anchor>
      ))}
    </Stack>
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
