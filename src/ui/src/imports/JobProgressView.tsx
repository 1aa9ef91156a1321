import { Button, Group, Progress, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { ImportJob } from "../api/types";
import { count } from "../format";

/** How far a job is, and a button that stops it. */
export function JobProgressView({ job, onCancel, cancelling }: { job: ImportJob; onCancel: () => void; cancelling: boolean }) {
  const { t, i18n } = useTranslation();
  const language = i18n.language;
  const progress = job.progress;
  const merging = progress !== null && progress.stage !== "reading";
  const share = !progress ? 0 : merging ? progress.rows_merged / Math.max(1, progress.rows_read) : progress.bytes_read / Math.max(1, progress.bytes_total);
  const says = !progress
    ? t(`jobState.${job.state}`)
    : merging
      ? t(job.request.dry_run ? "wizard.judging" : "wizard.merging", { done: count(progress.rows_merged, language), all: count(progress.rows_read, language) })
      : t("wizard.reading", { rows: count(progress.rows_read, language) });
  return (
    <Stack gap={4} data-testid="job-progress">
      <Text size="sm" role="status">
        {says}
      </Text>
      <Progress value={100 * share} animated aria-label={t("wizard.progress")} />
      <Group>
        <Button size="xs" variant="default" loading={cancelling} onClick={onCancel} data-testid="job-cancel">
          {t("wizard.cancel")}
        </Button>
      </Group>
    </Stack>
  );
}
