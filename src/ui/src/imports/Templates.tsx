import { Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { removeTemplate, saveTemplate } from "../api/client";
import type { TemplateView } from "../api/types";
import { ProblemAlert } from "../shell/ProblemAlert";
import { mappingOf, type Column, type Draft } from "./draft";
import { useTemplates } from "./useTemplates";

interface Props {
  draft: Draft;
  change: (change: Partial<Draft>) => void;
  /** The one in force. */
  template: TemplateView | null;
  /** The one that fits the file. */
  fits: TemplateView | null;
  columns: [string, Column][];
}

/** Saved columns: chosen, saved, removed. */
export function Templates({ draft, change, template, fits, columns }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const saved = useTemplates();
  const [name, setName] = useState("");
  const again = async () => {
    await queries.invalidateQueries({ queryKey: ["list-templates"] });
    await queries.invalidateQueries({ queryKey: ["upload"] });
  };
  const save = useMutation({
    mutationFn: () => saveTemplate(name.trim(), mappingOf(columns)),
    onSuccess: async (one) => {
      await again();
      change({ template: one.name });
      setName("");
    },
  });
  const remove = useMutation({
    mutationFn: (one: string) => removeTemplate(one),
    onSuccess: async () => {
      // What it said stays said.
      change({ template: null, columns: Object.fromEntries(columns) });
      await again();
    },
  });
  const overwrites = saved.data?.some((one) => one.name === name.trim()) ?? false;
  return (
    <Stack gap={4}>
      <Group align="flex-end">
        <Select
          label={t("template.label")}
          placeholder={t("template.none")}
          data={saved.data?.map((one) => one.name) ?? []}
          value={template?.name ?? null}
          onChange={(one) => change({ template: one, columns: {} })}
          clearable
          data-testid="template"
        />
        {template && (
          <Button variant="subtle" color="red" loading={remove.isPending} onClick={() => remove.mutate(template.name)} data-testid="template-remove">
            {t("template.remove")}
          </Button>
        )}
        <TextInput label={t("template.saveAs")} value={name} maxLength={60} onChange={(event) => setName(event.currentTarget.value)} data-testid="template-name" />
        <Button variant="default" disabled={name.trim() === ""} loading={save.isPending} onClick={() => save.mutate()} data-testid="template-save">
          {t(overwrites ? "template.overwrite" : "template.save")}
        </Button>
      </Group>
      {draft.template === undefined && fits && (
        <Text size="sm" role="status" data-testid="template-fits">
          {t("template.fits", { name: fits.name })}
        </Text>
      )}
      {save.error && <ProblemAlert error={save.error} />}
      {remove.error && <ProblemAlert error={remove.error} />}
    </Stack>
  );
}
