import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { undoImport, undoOutlook } from "../api/client";
import { duration, moment } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { useNow } from "../useNow";

/** Takes an import back, after telling what that does; says how long it still can be. */
export function Undo({ id, until, size = "sm" }: { id: string; until: number; size?: "xs" | "sm" }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState(false);
  const now = useNow(30_000);
  if (until < now) return null;
  return (
    <>
      <Button size={size} variant="default" onClick={() => setAsked(true)} data-testid={`undo-${id}`}>
        {t("undo.button", { left: duration(until - now) })}
      </Button>
      <Modal opened={asked} onClose={() => setAsked(false)} title={t("undo.title")} closeButtonProps={{ "aria-label": t("general.close") }}>
        {asked && <Confirm id={id} onClose={() => setAsked(false)} />}
      </Modal>
    </>
  );
}

/** The same where only the import is known: on the last step, and after a reload. */
export function UndoOf({ id }: { id: string }) {
  const { t, i18n } = useTranslation();
  const outlook = useQuery({ queryKey: ["campaigns", "undo", id], queryFn: () => undoOutlook(id) });
  if (!outlook.data) return null;
  const { state, possible, until } = outlook.data;
  if (state === "undone") {
    return (
      <Alert color="gray" role="status" data-testid="import-undone">
        {t("undo.undone")}
      </Alert>
    );
  }
  if (possible) return <Undo id={id} until={until} />;
  return (
    <Text size="sm" c="dimmed">
      {t("undo.tooLate", { until: moment(until, i18n.language) })}
    </Text>
  );
}

function Confirm({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const outlook = useQuery({ queryKey: ["campaigns", "undo", id, "now"], queryFn: () => undoOutlook(id), staleTime: 0 });
  const undo = useMutation({
    mutationFn: () => undoImport(id),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["campaigns"] });
      onClose();
    },
  });
  if (outlook.isPending) return <Waiting />;
  if (outlook.error) return <ProblemAlert error={outlook.error} onRetry={() => void outlook.refetch()} />;
  const { removed, given_up, restored, numbers, numbers_kept } = outlook.data;
  return (
    <Stack>
      <Text size="sm" data-testid="undo-outlook">
        {t("undo.removed", { count: removed })} {t("undo.givenUp", { count: given_up })} {restored > 0 && t("undo.restored", { count: restored })}{" "}
        {numbers > 0 && t("undo.numbers", { count: numbers })} {numbers_kept > 0 && t("undo.numbersKept", { count: numbers_kept })}
      </Text>
      {undo.error && <ProblemAlert error={undo.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose} data-autofocus>
          {t("undo.keep")}
        </Button>
        <Button color="red" loading={undo.isPending} onClick={() => undo.mutate()} leftSection={<Icon name="warning" />} data-testid="undo-confirm">
          {t("undo.confirm")}
        </Button>
      </Group>
    </Stack>
  );
}
