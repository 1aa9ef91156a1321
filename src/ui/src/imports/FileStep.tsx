import { Alert, Button, FileInput, Group, Progress, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { removeUpload } from "../api/client";
import { percent } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import type { Draft } from "./draft";
import { KeptUploads } from "./KeptUploads";
import { sendFile, type Sending } from "./sending";

interface Props {
  draft: Draft;
  change: (change: Partial<Draft>) => void;
}

const megabytes = (bytes: number) => (bytes / 1_000_000).toFixed(1);

/** The file, the list's name and the region. The file is sent as soon as it is chosen. */
export function FileStep({ draft, change }: Props) {
  const { t } = useTranslation();
  const [sending, setSending] = useState<Sending | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const send = useMutation({
    mutationFn: async (file: File) => {
      abort.current?.abort();
      const own = new AbortController();
      abort.current = own;
      const picked = { name: file.name, size: file.size, changed: file.lastModified };
      const same = draft.file !== null && JSON.stringify(draft.file) === JSON.stringify(picked);
      // What was sent of another file is of no use any more.
      if (!same && draft.upload !== null) await removeUpload(draft.upload).catch(() => undefined);
      const fresh = { file: picked, whole: false, sheet: "", encoding: "", delimiter: "", check: null, run: null };
      const name = draft.name.trim() === "" ? file.name.replace(/\.(csv|tsv|txt|xlsx)$/i, "") : draft.name;
      change({ ...(same ? { whole: false } : { ...fresh, upload: null }), name });
      const id = await sendFile(file, {
        known: same ? draft.upload : null,
        onBegun: (upload) => change({ upload }),
        onProgress: setSending,
        signal: own.signal,
      });
      if (id !== null) change({ upload: id, whole: true });
    },
  });
  const size = draft.file?.size ?? 1;
  const region = draft.region.trim();
  const name = draft.name.trim();
  const ready = draft.whole && name !== "" && (region === "" || /^[a-z]{2}$/i.test(region));
  return (
    <Stack data-testid="step-file">
      <Group align="flex-start" grow>
        <FileInput
          label={t("list.file")}
          description={t("list.fileNote")}
          placeholder={draft.file?.name ?? t("list.choose")}
          accept=".csv,.tsv,.txt,.xlsx,text/csv"
          onChange={(picked) => picked && send.mutate(picked)}
          leftSection={<Icon name="upload" />}
          data-testid="list-file"
        />
        <TextInput label={t("list.name")} description={t("list.nameNote")} value={draft.name} maxLength={100} onChange={(event) => change({ name: event.currentTarget.value })} data-testid="list-name" />
        <TextInput
          label={t("list.region")}
          description={t("list.regionNote")}
          value={draft.region}
          maxLength={2}
          error={region !== "" && !/^[a-z]{2}$/i.test(region) ? t("wizard.regionUnfit") : null}
          onChange={(event) => change({ region: event.currentTarget.value })}
          data-testid="list-region"
        />
      </Group>
      {send.isPending && sending && draft.file && (
        <div role="status">
          <Text size="sm">
            {t("wizard.sending", { done: megabytes(sending.offset), all: megabytes(size), share: percent(sending.offset / Math.max(1, size)) })}
          </Text>
          <Progress value={(100 * sending.offset) / Math.max(1, size)} animated={!sending.waiting} aria-label={t("wizard.step.file")} />
          {sending.waiting && (
            <Text size="sm" c="orange.8">
              {t("wizard.lineBroken")}
            </Text>
          )}
        </div>
      )}
      {send.error && <ProblemAlert error={send.error} onRetry={() => send.variables && send.mutate(send.variables)} />}
      {send.error && <KeptUploads />}
      {!send.isPending && draft.file && !draft.whole && !send.error && (
        <Alert color="yellow" role="status" icon={<Icon name="info" />}>
          {t("wizard.chooseAgain", { name: draft.file.name })}
        </Alert>
      )}
      {draft.whole && draft.file && (
        <Text size="sm" role="status" data-testid="file-whole">
          {t("wizard.fileThere", { name: draft.file.name, size: megabytes(draft.file.size) })}
        </Text>
      )}
      <Group justify="flex-end">
        <Button disabled={!ready} onClick={() => change({ step: 1 })} data-testid="to-columns">
          {t("wizard.next")}
        </Button>
      </Group>
    </Stack>
  );
}
