import { Alert, Button, Checkbox, Group, List, Modal, Select, Stack, Text, TextInput, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { changeCallbacks, serviceNow } from "../api/client";
import type { CallbackDeed, CallbackView, User } from "../api/types";
import { localTime, moment } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { fromZoned, knowsZone, toZoned } from "../zoneTime";

type Deed = CallbackDeed["do"];
const TEAM = "*";
const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

interface Props {
  chosen: CallbackView[];
  agents: User[];
  onChosen: (chosen: CallbackView[]) => void;
}

/** What can be done with the promised calls that are ticked. */
export function ChangeCallbacks({ chosen, agents, onChosen }: Props) {
  const { t } = useTranslation();
  const [deed, setDeed] = useState<Deed | null>(null);
  const open = (next: Deed) => () => setDeed(next);
  return (
    <Group role="group" aria-label={t("callbacks.chosen", { count: chosen.length })} data-testid="callbacks-chosen">
      <Text size="sm" fw={600}>
        {t("callbacks.chosen", { count: chosen.length })}
      </Text>
      <Button size="xs" variant="default" onClick={open("move")} data-testid="callbacks-move">
        {t("callbacks.move")}
      </Button>
      <Button size="xs" variant="default" onClick={open("give")} data-testid="callbacks-give">
        {t("callbacks.give")}
      </Button>
      <Button size="xs" variant="default" color="red" onClick={open("cancel")} data-testid="callbacks-cancel">
        {t("callbacks.cancel")}
      </Button>
      <Modal
        opened={deed !== null}
        onClose={() => setDeed(null)}
        title={deed && t(`callbacks.${deed}Title`, { count: chosen.length })}
        closeButtonProps={{ "aria-label": t("general.close") }}
      >
        {deed && <Form deed={deed} chosen={chosen} agents={agents} onChosen={onChosen} onDone={() => setDeed(null)} />}
      </Modal>
    </Group>
  );
}

/** The zone in which a time is typed: the customers' if it is the same for all, else one's own. */
export function zoneOf(chosen: Pick<CallbackView, "zones">[]): string {
  const zones = new Set(chosen.map((one) => one.zones.find(knowsZone) ?? OWN_ZONE));
  const [only] = zones;
  return zones.size === 1 && only !== undefined ? only : OWN_ZONE;
}

function Form({ deed, chosen, agents, onChosen, onDone }: Props & { deed: Deed; onDone: () => void }) {
  const { t, i18n } = useTranslation();
  const queries = useQueryClient();
  const zone = zoneOf(chosen);
  const [at, setAt] = useState(() => toZoned(Math.max(chosen[0]?.at ?? 0, serviceNow() + 3600_000), zone));
  const [agent, setAgent] = useState<string | null>(null);
  const [why, setWhy] = useState("");
  const [backToList, setBackToList] = useState(false);
  const agreed = fromZoned(at, zone);
  const wanted: CallbackDeed | null =
    deed === "move"
      ? agreed === null
        ? null
        : { do: "move", at: agreed }
      : deed === "give"
        ? agent === null
          ? null
          : { do: "give", agent: agent === TEAM ? null : agent }
        : why.trim() === ""
          ? null
          : { do: "cancel", why: why.trim(), back_to_list: backToList };
  const apply = useMutation({
    mutationFn: (change: CallbackDeed) => changeCallbacks(chosen.map(({ lead, at }) => ({ lead, at })), change),
    onSuccess: async (answer) => {
      await queries.invalidateQueries({ queryKey: ["callbacks"] });
      if (answer.refused.length === 0) {
        onChosen([]);
        onDone();
      }
    },
  });
  const refused = apply.data?.refused ?? [];
  const next = refused.map((one) => one.next).filter((one) => one !== null);
  const nameOf = (lead: string) => chosen.find((one) => one.lead === lead)?.name || lead;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (wanted) apply.mutate(wanted);
      }}
    >
      <Stack data-testid="callbacks-form">
        {deed === "move" && (
          <TextInput
            type="datetime-local"
            label={t("callback.at")}
            description={t(zone === OWN_ZONE ? "callbacks.ownZone" : "callback.theirTime", { zone })}
            value={at}
            onChange={(event) => setAt(event.currentTarget.value)}
            required
            data-autofocus
            data-testid="callbacks-at"
          />
        )}
        {deed === "give" && (
          <Select
            label={t("callbacks.to")}
            data={[{ value: TEAM, label: t("callbacks.team") }, ...agents.map((one) => ({ value: one.login, label: one.name }))]}
            value={agent}
            onChange={setAgent}
            searchable
            data-autofocus
            data-testid="callbacks-to"
          />
        )}
        {deed === "cancel" && (
          <>
            <Textarea
              label={t("callbacks.why")}
              value={why}
              onChange={(event) => setWhy(event.currentTarget.value)}
              required
              data-autofocus
              data-testid="callbacks-why"
            />
            <Checkbox
              label={t("callbacks.backToList")}
              description={t("callbacks.backToListNote")}
              checked={backToList}
              onChange={(event) => setBackToList(event.currentTarget.checked)}
            />
          </>
        )}
        {apply.error && <ProblemAlert error={apply.error} />}
        {refused.length > 0 && (
          <Alert color="orange" role="alert" icon={<Icon name="warning" />} data-testid="callbacks-refused">
            {t("callbacks.refused", { changed: apply.data?.changed ?? 0, count: refused.length })}
            <List size="sm">
              {refused.map((one) => (
                <List.Item key={one.lead} title={one.detail}>
                  {nameOf(one.lead)}: {t(`callbacks.fault.${one.code}`, { defaultValue: one.detail })}
                </List.Item>
              ))}
            </List>
            {deed === "move" && next.length > 0 && (
              <Button
                mt="xs"
                size="xs"
                variant="default"
                onClick={() => setAt(toZoned(Math.ceil(Math.max(...next) / 60_000) * 60_000, zone))}
                data-testid="callbacks-take-next"
              >
                {t("callback.takeNext", { time: localTime(Math.max(...next), i18n.language, zone) })}
              </Button>
            )}
          </Alert>
        )}
        {deed === "move" && agreed !== null && zone !== OWN_ZONE && (
          <Text size="xs" c="dimmed" className="figures">
            {t("callback.yourTime", { time: moment(agreed, i18n.language) })}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t("general.close")}
          </Button>
          <Button
            type="submit"
            color={deed === "cancel" ? "red" : undefined}
            disabled={wanted === null}
            loading={apply.isPending}
            data-testid="callbacks-apply"
          >
            {t(`callbacks.${deed}Do`)}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
