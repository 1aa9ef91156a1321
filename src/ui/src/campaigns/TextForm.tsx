import { Alert, Anchor, Button, FileButton, Group, Stack, Table, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { applyCampaign, checkCampaign } from "../api/client";
import { asProblem } from "../api/problem";
import type { CampaignApplied, ErrorItem } from "../api/types";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Differences } from "./Differences";
import { Editor, type EditorHandle } from "./Editor";

interface Props {
  /** Whose text; null while it has no valid name. */
  campaign: string | null;
  initial: string;
  /** Under which name what is typed is kept in this tab until it is applied. */
  draftName: string;
  onApplied: (applied: CampaignApplied) => void;
}

/** A campaign's text: write, check, apply. What is typed survives errors and reloads. */
export function TextForm({ campaign, initial, draftName, onApplied }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const kept = `lull.campaign-text.${draftName}`;
  const [text, setText] = useState(() => sessionStorage.getItem(kept) ?? initial);
  const [why, setWhy] = useState("");
  const editor = useRef<EditorHandle>(null);
  const unsaved = text !== initial;

  useEffect(() => {
    if (unsaved) sessionStorage.setItem(kept, text);
    else sessionStorage.removeItem(kept);
  }, [kept, text, unsaved]);

  const check = useMutation({ mutationFn: () => checkCampaign(text, `${campaign ?? "campaign"}.toml`) });
  const apply = useMutation({
    mutationFn: (key: string) => applyCampaign(key, text, why.trim()),
    onSuccess: async (applied) => {
      sessionStorage.removeItem(kept);
      setWhy("");
      await queries.invalidateQueries({ queryKey: ["campaigns"] });
      onApplied(applied);
    },
  });
  const applyProblem = apply.error ? asProblem(apply.error) : null;
  const errors = check.data && !check.data.ok ? check.data.errors : inFile(applyProblem?.errors);
  const change = (next: string) => {
    setText(next);
    check.reset();
    apply.reset();
  };

  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          {unsaved ? t("text.unsaved") : t("text.saved")}
        </Text>
        <Group gap="xs">
          <FileButton accept=".toml,text/plain" onChange={(file) => void file?.text().then(change)}>
            {(props) => (
              <Button {...props} size="xs" variant="default" leftSection={<Icon name="upload" />}>
                {t("text.open")}
              </Button>
            )}
          </FileButton>
          {unsaved && initial !== "" && (
            <Button size="xs" variant="subtle" color="gray" onClick={() => change(initial)}>
              {t("text.revert")}
            </Button>
          )}
        </Group>
      </Group>
      <Editor ref={editor} value={text} onChange={change} errors={errors} label={t("text.label")} />
      {errors.length > 0 && <Errors errors={errors} onPick={(item) => editor.current?.goTo(item.line ?? 1, item.column ?? 1)} />}
      {applyProblem && inFile(applyProblem.errors).length === 0 && <ProblemAlert error={applyProblem} />}
      {check.error && <ProblemAlert error={check.error} />}
      {check.data?.ok && (
        <Alert color="teal" role="status" icon={<Icon name="ready" />} title={t("text.ok")} data-testid="text-ok">
          {check.data.revision == null || check.data.differences == null ? (
            t("text.new")
          ) : (
            <Differences found={check.data.differences} />
          )}
        </Alert>
      )}
      <Group align="flex-end">
        <TextInput
          label={t("text.why")}
          value={why}
          onChange={(event) => setWhy(event.currentTarget.value)}
          style={{ flex: 1, minWidth: 200 }}
          data-testid="text-why"
        />
        <Button variant="default" loading={check.isPending} disabled={text.trim() === ""} onClick={() => check.mutate()} data-testid="text-check">
          {t("text.check")}
        </Button>
        <Button
          loading={apply.isPending}
          disabled={campaign === null || text.trim() === "" || !unsaved}
          onClick={() => campaign !== null && apply.mutate(campaign)}
          data-testid="text-apply"
        >
          {t("text.apply")}
        </Button>
      </Group>
    </Stack>
  );
}

function inFile(items: ErrorItem[] | undefined): ErrorItem[] {
  return (items ?? []).filter((item) => item.line != null);
}

function Errors({ errors, onPick }: { errors: ErrorItem[]; onPick: (item: ErrorItem) => void }) {
  const { t } = useTranslation();
  return (
    <Alert color="red" role="alert" icon={<Icon name="warning" />} title={t("text.wrong", { count: errors.length })} data-testid="text-errors">
      <Table fz="sm" verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("text.place")}</Table.Th>
            <Table.Th>{t("text.problem")}</Table.Th>
            <Table.Th>{t("text.expected")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {errors.map((item, index) => (
            <Table.Tr key={index}>
              <Table.Td style={{ whiteSpace: "nowrap" }}>
                {item.line != null ? (
                  <Anchor component="button" type="button" fz="sm" onClick={() => onPick(item)}>
                    {t("text.lineColumn", { line: item.line, column: item.column ?? 1 })}
                  </Anchor>
                ) : (
                  "–"
                )}
              </Table.Td>
              <Table.Td>
                {item.detail}
                {item.value && item.value !== "" && (
                  <Text size="xs" c="dimmed">
                    {t("text.found", { value: item.value })}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>{item.expected ?? ""}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Alert>
  );
}
