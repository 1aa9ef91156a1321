import { Alert, Button, Checkbox, Group, NativeSelect, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { addImportJob, cancelImportJob, requestKey } from "../api/client";
import { asProblem } from "../api/problem";
import { DUPLICATE_POLICIES, type DuplicatePolicy, type ImportRequest } from "../api/types";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { FileFault, templateOf, usePreview } from "./ColumnsStep";
import { columnsOf, requestOf, type Draft } from "./draft";
import { JobProgressView } from "./JobProgressView";
import { ReportView } from "./ReportView";
import { useJob } from "./useJob";
import { useTemplates } from "./useTemplates";

interface Props {
  campaign: string;
  draft: Draft;
  change: (change: Partial<Draft>) => void;
}

/** Makes jobs; the same request is sent again where its answer got lost, and stays one job. */
function useNewJob(campaign: string, onMade: (job: string, request: ImportRequest) => void) {
  return useMutation({
    mutationFn: (wanted: { request: ImportRequest; named: string }) => addImportJob(campaign, wanted.request, wanted.named),
    retry: (failures, error) => failures < 3 && asProblem(error).status === 0,
    onSuccess: (job, wanted) => onMade(job.id, wanted.request),
  });
}

/** A dry run of the whole file: what would become of its rows, before anything does. */
export function CheckStep({ campaign, draft, change }: Props) {
  const { t } = useTranslation();
  const preview = usePreview(draft);
  const saved = useTemplates();
  // What was seen a moment ago of the file read otherwise says nothing of its columns.
  const ready = preview.data !== undefined && !preview.isPlaceholderData && saved.data !== undefined;
  const columns = preview.data ? columnsOf(draft, preview.data, templateOf(draft, preview.data, saved.data)) : [];
  const request = requestOf(draft, columns, true);
  const asked = JSON.stringify(request);
  const check = useNewJob(campaign, (job, what) => change({ check: { job, asked: JSON.stringify(what) } }));
  const run = useNewJob(campaign, (job) => change({ run: job, step: 3 }));
  const job = useJob(draft.check?.asked === asked ? draft.check.job : null);
  const cancel = useMutation({ mutationFn: cancelImportJob, onSuccess: () => void job.refetch() });
  const begin = () => check.mutate({ request, named: requestKey() });

  const wanted = ready && draft.check?.asked !== asked && !check.isPending && check.error === null;
  useEffect(() => {
    if (wanted && draft.check === null) begin();
    // Once, when there is no check yet: whoever changes an option asks again by hand.
  }, [wanted]);

  if (!ready && (preview.isPending || saved.isPending)) return <Waiting />;
  const outdated = draft.check !== null && draft.check.asked !== asked;
  const done = job.data?.state === "done" ? job.data.report : null;
  const nothing = done !== null && done.accepted + done.updated === 0;
  return (
    <Stack data-testid="step-check">
      <Group>
        <NativeSelect
          label={t("list.known")}
          description={t(`list.knownNote.${draft.known}`)}
          data={DUPLICATE_POLICIES.map((policy) => ({ value: policy, label: t(`list.knownIs.${policy}`) }))}
          value={draft.known}
          onChange={(event) => change({ known: event.currentTarget.value as DuplicatePolicy })}
          data-testid="list-known"
        />
        <Checkbox label={t("list.everywhere")} description={t("list.everywhereNote")} checked={draft.everywhere} onChange={(event) => change({ everywhere: event.currentTarget.checked })} data-testid="list-everywhere" />
      </Group>
      {preview.error && <ProblemAlert error={preview.error} onRetry={() => void preview.refetch()} />}
      {saved.error && <ProblemAlert error={saved.error} onRetry={() => void saved.refetch()} />}
      {check.error && <ProblemAlert error={check.error} onRetry={begin} />}
      {run.error && <ProblemAlert error={run.error} />}
      {job.error && <ProblemAlert error={job.error} onRetry={begin} />}
      {outdated && (
        <Alert color="yellow" role="status" icon={<Icon name="info" />} data-testid="check-outdated">
          {t("wizard.outdated")}
        </Alert>
      )}
      {job.data && (job.data.state === "queued" || job.data.state === "running") && (
        <JobProgressView job={job.data} onCancel={() => cancel.mutate(job.data.id)} cancelling={cancel.isPending} />
      )}
      {job.data?.state === "failed" && job.data.problem && <FileFault code={job.data.problem.code} detail={job.data.problem.detail} />}
      {(job.data?.state === "cancelled" || job.data?.state === "broken_off") && <Text size="sm">{t(`jobState.${job.data.state}`)}</Text>}
      {done && (
        <>
          <Text size="sm" role="status" data-testid="import-checked">
            {t("list.checked")}
          </Text>
          <ReportView report={done} />
          {done.rejected_file !== null && (
            <Group>
              <Button variant="subtle" onClick={() => change({ step: 0 })} data-testid="choose-corrected">
                {t("wizard.chooseCorrected")}
              </Button>
            </Group>
          )}
          {nothing && <Text size="sm">{t("wizard.nothing")}</Text>}
        </>
      )}
      <Group justify="space-between">
        <Button variant="default" onClick={() => change({ step: 1 })} data-testid="back-to-columns">
          {t("wizard.back")}
        </Button>
        <Group>
          {(outdated || (job.data && job.data.state !== "done" && job.data.state !== "queued" && job.data.state !== "running")) && (
            <Button variant="default" loading={check.isPending} disabled={!ready} onClick={begin} data-testid="check-again">
              {t("wizard.checkAgain")}
            </Button>
          )}
          <Button
            disabled={done === null || nothing}
            loading={run.isPending}
            onClick={() => run.mutate({ request: { ...request, dry_run: false }, named: requestKey() })}
            data-testid="import-run"
          >
            {t("wizard.run", { count: done ? done.accepted + done.updated : 0 })}
          </Button>
        </Group>
      </Group>
    </Stack>
  );
}
