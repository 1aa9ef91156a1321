import { Button, Group, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { removeUpload, uploads } from "../api/client";
import { moment, percent, share } from "../format";
import { ProblemAlert } from "../shell/ProblemAlert";

/** Files that were sent before and are kept: whoever has too many throws one away. */
export function KeptUploads() {
  const { t, i18n } = useTranslation();
  const kept = useQuery({ queryKey: ["uploads"], queryFn: uploads, staleTime: 0 });
  const remove = useMutation({ mutationFn: removeUpload, onSettled: () => kept.refetch() });
  if (!kept.data || kept.data.length === 0) return null;
  return (
    <Stack gap={4} data-testid="kept-uploads">
      <Text size="sm" fw={600}>
        {t("wizard.kept")}
      </Text>
      {kept.data.map((one) => (
        <Group key={one.id} gap="sm">
          <Text size="sm">
            {one.name} · {percent(share(one.offset, one.length))} · {moment(one.created_at, i18n.language)}
          </Text>
          <Button size="compact-xs" variant="subtle" color="red" loading={remove.isPending && remove.variables === one.id} onClick={() => remove.mutate(one.id)} data-testid={`remove-${one.id}`}>
            {t("wizard.throwAway")}
          </Button>
        </Group>
      ))}
      {remove.error && <ProblemAlert error={remove.error} />}
    </Stack>
  );
}
