import { Alert, Button, Group, Select, Stack, TextInput, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { suppress } from "../api/client";
import { asProblem } from "../api/problem";
import type { SuppressionReason } from "../api/types";
import { SUPPRESSION_REASONS } from "../dispositions";
import { phone } from "../format";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";

/** Takes a number out of dialling: everywhere, or for one campaign. */
export function SuppressForm({ campaign, number: given = "" }: { campaign?: string; number?: string }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [number, setNumber] = useState(given);
  const [region, setRegion] = useState("");
  const [reason, setReason] = useState<SuppressionReason>("opt_out");
  const [scope, setScope] = useState<string>("all");
  const [note, setNote] = useState("");
  const add = useMutation({
    mutationFn: () =>
      suppress({
        number: number.trim(),
        ...(region.trim() ? { region: region.trim().toUpperCase() } : {}),
        reason,
        ...(campaign && scope === "campaign" ? { campaign } : {}),
        note: note.trim(),
      }),
    onSuccess: () => {
      setNumber("");
      setNote("");
      void queries.invalidateQueries({ queryKey: ["suppressions"] });
    },
  });
  const problem = add.error ? asProblem(add.error) : null;
  const numberProblem = problem?.errors.find((item) => item.pointer === "/number")?.detail ?? null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (number.trim() !== "") add.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Group align="flex-start" grow preventGrowOverflow={false}>
          <TextInput
            label={t("suppress.number")}
            description={t("suppress.numberNote")}
            value={number}
            onChange={(event) => setNumber(event.currentTarget.value)}
            error={numberProblem}
            inputMode="tel"
            required
            data-testid="suppress-number"
          />
          <TextInput
            label={t("list.region")}
            description={t("suppress.regionNote")}
            value={region}
            maxLength={2}
            onChange={(event) => setRegion(event.currentTarget.value)}
            data-testid="suppress-region"
          />
        </Group>
        <Group align="flex-start" grow>
          <Select
            label={t("suppress.reason")}
            data={SUPPRESSION_REASONS.map((code) => ({ value: code, label: t(`suppressionReason.${code}`) }))}
            value={reason}
            onChange={(value) => setReason(SUPPRESSION_REASONS.find((one) => one === value) ?? "opt_out")}
            allowDeselect={false}
            data-testid="suppress-reason"
          />
          {campaign && (
            <Select
              label={t("suppress.scope")}
              data={[
                { value: "all", label: t("suppress.everywhere") },
                { value: "campaign", label: t("suppress.onlyThis") },
              ]}
              value={scope}
              onChange={(value) => setScope(value ?? "all")}
              allowDeselect={false}
            />
          )}
        </Group>
        <Textarea label={t("result.note")} value={note} onChange={(event) => setNote(event.currentTarget.value)} autosize minRows={1} maxRows={4} />
        {problem && !numberProblem && <ProblemAlert error={problem} />}
        {add.data && (
          <Alert color="teal" role="status" icon={<Icon name="ready" />} data-testid="suppressed">
            {t("suppress.done", { number: phone(add.data.number) })}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button type="submit" color="red" loading={add.isPending} disabled={number.trim() === ""} leftSection={<Icon name="blocked" />} data-testid="suppress-submit">
            {t("suppress.do")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
