import { Anchor, Stack, Stepper, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import { Panel } from "../board/Panel";
import { CheckStep } from "./CheckStep";
import { ColumnsStep } from "./ColumnsStep";
import { EMPTY, forgetDraft, keepDraft, keptDraft, type Draft } from "./draft";
import { FileStep } from "./FileStep";
import { ResultStep } from "./ResultStep";

/** Brings a list in, step by step: file, columns, check, import. A job named in the address is shown as it is. */
export function ImportPage() {
  const { key = "" } = useParams();
  return <Wizard key={key} campaign={key} />;
}

const STEPS = ["file", "columns", "check", "import"] as const;

function Wizard({ campaign }: { campaign: string }) {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const [draft, setDraft] = useState<Draft>(() => keptDraft(campaign));
  const named = params.get("job");
  const change = (change: Partial<Draft>) =>
    setDraft((before) => {
      const next = { ...before, ...change };
      keepDraft(campaign, next);
      return next;
    });
  const another = () => {
    // What was said of the list before holds for the next one of its kind, but not its file and name.
    const next = { ...EMPTY, region: draft.region, known: draft.known, everywhere: draft.everywhere };
    forgetDraft(campaign);
    setDraft(next);
    setParams({}, { replace: true });
  };
  /** Whoever leaves the last step has done with it; a job that is still under way is named among the lists. */
  const leave = () => step === 3 && forgetDraft(campaign);
  const job = named ?? (draft.step === 3 ? draft.run : null);
  const step = job === null ? Math.min(draft.step, draft.whole ? 2 : 0) : 3;
  return (
    <Stack data-testid="import-page">
      <div>
        <Anchor component={Link} to={`/campaigns/${encodeURIComponent(campaign)}?tab=lists`} size="sm" onClick={leave}>
          ← {t("list.title")}
        </Anchor>
        <Title order={1} fz="h2">
          {t("list.upload")}
        </Title>
      </div>
      <Stepper active={step} size="sm" allowNextStepsSelect={false} onStepClick={(to) => job === null && to < step && change({ step: to })}>
        {STEPS.map((one) => (
          <Stepper.Step key={one} label={t(`wizard.step.${one}`)} />
        ))}
      </Stepper>
      <Panel title={t(`wizard.step.${STEPS[step] ?? "file"}`)}>
        {job !== null && <ResultStep campaign={campaign} id={job} onAnother={another} onLeave={leave} />}
        {job === null && step === 0 && <FileStep draft={draft} change={change} />}
        {job === null && step === 1 && <ColumnsStep draft={draft} change={change} />}
        {job === null && step === 2 && <CheckStep campaign={campaign} draft={draft} change={change} />}
      </Panel>
    </Stack>
  );
}
