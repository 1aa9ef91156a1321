import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { cancelImportJob, resumeImportJob } from "../api/client";
import type { ImportJob } from "../api/types";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { FileFault } from "./ColumnsStep";
import { JobProgressView } from "./JobProgressView";
import { ReportView } from "./ReportView";
import { UndoOf } from "./Undo";
import { isOpen, useJob } from "./useJob";

interface Props {
  campaign: string;
  id: string;
  /** Begins with another list. */
  onAnother: () => void;
  /** Goes to the lists. */
  onLeave: () => void;
}

/** The import itself: how far it is, what it came to, going on with it, taking it back. */
export function ResultStep({ campaign, id, onAnother, onLeave }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const job = useJob(id);
  const take = (next: ImportJob) => queries.setQueryData(["import-jobs", id], next);
  const cancel = useMutation({ mutationFn: () => cancelImportJob(id), onSuccess: take });
  const resume = useMutation({ mutationFn: () => resumeImportJob(id), onSuccess: take });
  if (job.isPending) return <Waiting />;
  if (job.error) {
    return (
      <Stack>
        <ProblemAlert error={job.error} onRetry={() => void job.refetch()} />
        <Group>
          <Button onClick={onAnother}>{t("wizard.another")}</Button>
        </Group>
      </Stack>
    );
  }
  const { state, report, problem } = job.data;
  const ended = !isOpen(job.data);
  return (
    <Stack data-testid="step-result" data-state={state}>
      <Text size="sm">{t("wizard.about", { file: job.data.file, name: job.data.request.name, by: job.data.created_by })}</Text>
      {!ended && <JobProgressView job={job.data} onCancel={() => cancel.mutate()} cancelling={cancel.isPending} />}
      {state === "done" && (
        <Alert color="teal" role="status" icon={<Icon name="ready" />} data-testid="import-done">
          {t(job.data.request.dry_run ? "list.checked" : "list.done")}
        </Alert>
      )}
      {(state === "cancelled" || state === "broken_off") && (
        <Alert color="yellow" role="status" icon={<Icon name="info" />} data-testid="import-stopped">
          <Text size="sm">{t(`jobState.${state}`)}</Text>
          <Text size="sm">{t(job.data.import === null ? "wizard.nothingChanged" : "wizard.whatStays")}</Text>
        </Alert>
      )}
      {problem && <FileFault code={problem.code} detail={problem.detail} />}
      {report && <ReportView report={report} />}
      {cancel.error && <ProblemAlert error={cancel.error} />}
      {resume.error && <ProblemAlert error={resume.error} />}
      {ended && (
        <Group>
          {state !== "done" && (
            <Button loading={resume.isPending} onClick={() => resume.mutate()} data-testid="job-resume">
              {t("wizard.resume")}
            </Button>
          )}
          <Button variant="default" onClick={onAnother} data-testid="import-another">
            {t("wizard.another")}
          </Button>
          <Button variant="default" component={Link} to={`/campaigns/${encodeURIComponent(campaign)}?tab=lists`} onClick={onLeave} data-testid="to-lists">
            {t("wizard.toLists")}
          </Button>
          {job.data.import !== null && <UndoOf id={job.data.import} />}
        </Group>
      )}
    </Stack>
  );
}
