import { Alert, Card, Grid, Stack } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { AgentAction, Desk, DeskCall, Me } from "../api/types";
import { clock } from "../format";
import { Icon } from "../icons";
import { about } from "./about";
import { CallBar } from "./CallBar";
import { dropDraft, isEmpty, keptDraft } from "./draft";
import { LostDraft } from "./LostDraft";
import { NoCall } from "./NoCall";
import { Orders } from "./Orders";
import { Notice } from "./Notice";
import { OwnCallbacks } from "./OwnCallbacks";
import { PreviewForm, asCall } from "./PreviewForm";
import { ResultForm } from "./ResultForm";
import { ScreenPop } from "./ScreenPop";
import { Script } from "./Script";
import { StateBar } from "./StateBar";

interface Props {
  me: Me;
  desk: Desk;
  lostSince: number | null;
  act: (action: AgentAction) => Promise<void>;
}

/** The desk during a shift. State and call bar never move; what is below them follows the call. */
export function OnShift({ me, desk, lostSince, act }: Props) {
  const { t, i18n } = useTranslation();
  const { view, campaign } = desk;
  const customer = about(desk);
  const call = view?.call ?? null;
  const { unrecorded, forget, noteRecorded, lastResult } = useLastCall(call);
  if (!view) return null;
  return (
    <Stack gap="sm" data-testid="desk" data-state={view.state}>
      <h1 className="only-read">{t("nav.desk")}</h1>
      {lostSince !== null && (
        <Alert color="orange" variant="filled" role="alert" icon={<Icon name="warning" />} data-testid="desk-lost">
          {t("desk.lost", { since: clock(lostSince, i18n.language) })}
        </Alert>
      )}
      <StateBar view={view} act={act} />
      <CallBar view={view} act={act} />
      {!view.phone_up && (
        <Alert color="red" role="alert" icon={<Icon name="phone" />} data-testid="phone-missing">
          {t("desk.phoneDown")}
        </Alert>
      )}
      {view.notice && <Notice notice={view.notice} />}
      {unrecorded && <LostDraft draft={unrecorded} onForget={forget} />}
      {call ? (
        <Grid gap="sm" key={call.call.id}>
          <Grid.Col span={{ base: 12, md: 6, lg: 3 }}>
            <ScreenPop call={call} about={customer} campaign={campaign} />
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 6, lg: 5 }}>
            <Script campaign={campaign} about={customer} agent={me.name} direction={call.call.direction} />
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 12, lg: 4 }}>
            <ResultForm
              call={call}
              campaign={campaign}
              about={customer}
              act={act}
              onRecorded={(title) => noteRecorded(call.call.id, title)}
            />
          </Grid.Col>
        </Grid>
      ) : view.preview ? (
        <Grid gap="sm" key={view.preview.lead}>
          <Grid.Col span={{ base: 12, md: 6, lg: 3 }}>
            <ScreenPop call={asCall(view.preview, view.since)} about={customer} campaign={campaign} before />
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 6, lg: 5 }}>
            <Script campaign={campaign} about={customer} agent={me.name} direction="outbound" />
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 12, lg: 4 }}>
            <PreviewForm preview={view.preview} campaign={campaign} act={act} />
          </Grid.Col>
        </Grid>
      ) : (
        <>
          <NoCall view={view} lastResult={lastResult} />
          <OwnCallbacks />
          <Card withBorder padding="md" className="card">
            <Orders orders={null} />
          </Card>
        </>
      )}
    </Stack>
  );
}

/** Remembers a call that went away before its result was recorded, with what had been typed about it. */
function useLastCall(call: DeskCall | null) {
  const before = useRef<DeskCall | null>(null);
  const [unrecorded, setUnrecorded] = useState<{ call: string; draft: ReturnType<typeof keptDraft> } | null>(null);
  const [lastResult, setLastResult] = useState<string | null>(null);
  useEffect(() => {
    const last = before.current;
    before.current = call;
    if (!last || last.call.id === call?.call.id) return;
    const draft = keptDraft(last.call.id);
    if (!last.recorded && !isEmpty(draft)) setUnrecorded({ call: last.call.id, draft });
    else dropDraft(last.call.id);
  }, [call]);
  return {
    unrecorded: unrecorded?.draft ?? null,
    forget: () => {
      if (unrecorded) dropDraft(unrecorded.call);
      setUnrecorded(null);
    },
    noteRecorded: (id: string, title: string) => {
      dropDraft(id);
      setLastResult(title);
    },
    lastResult,
  };
}
