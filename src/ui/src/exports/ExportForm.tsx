import { Button, Checkbox, Group, Select, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { askExport, campaigns } from "../api/client";
import { EXPORT_KINDS, type ExportKind, type Me } from "../api/types";
import { ProblemAlert } from "../shell/ProblemAlert";
import { fromZoned } from "../zoneTime";
import { EXPORTS } from "./useExports";

const OF_CAMPAIGN: readonly ExportKind[] = ["calls", "results", "leads"];
const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const DAY_MS = 86_400_000;

/** The beginning of a day by this browser's clock. */
function dayBegins(day: string): number | null {
  return fromZoned(`${day}T00:00`, OWN_ZONE);
}

/** What a file is to hold. */
export function ExportForm({ me }: { me: Me }) {
  const { t, i18n } = useTranslation();
  const queries = useQueryClient();
  const marketing = me.role === "marketing";
  const kinds = EXPORT_KINDS.filter((kind) => !marketing || OF_CAMPAIGN.includes(kind));
  const known = useQuery({ queryKey: ["campaigns", "all"], queryFn: campaigns });
  const [kind, setKind] = useState<ExportKind>("calls");
  const [campaign, setCampaign] = useState<string | null>(null);
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [format, setFormat] = useState<"csv" | "xlsx">("csv");
  // Excel needs the mark to read Chinese.
  const [bom, setBom] = useState(i18n.language === "zh-CN");
  const [masked, setMasked] = useState(marketing);
  const last = to === "" ? null : dayBegins(to);
  const ask = useMutation({
    mutationFn: () =>
      askExport({
        kind,
        campaign,
        from: from === "" ? null : dayBegins(from),
        // The day itself is in it, however long it is; what is yet to come is not there anyway.
        to: last === null ? null : (dayBegins(new Date(last + 1.5 * DAY_MS).toLocaleDateString("sv-SE")) ?? last + DAY_MS),
        format,
        bom: format === "csv" && bom,
        masked,
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: EXPORTS }),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        ask.mutate();
      }}
    >
      <Stack>
        <Group align="flex-end">
          <Select
            label={t("exports.what")}
            data={kinds.map((one) => ({ value: one, label: t(`exports.kind.${one}`) }))}
            value={kind}
            onChange={(value) => setKind((value ?? "calls") as ExportKind)}
            allowDeselect={false}
            data-testid="export-kind"
          />
          <Select
            label={t("exports.campaign")}
            placeholder={OF_CAMPAIGN.includes(kind) ? t("exports.choose") : t("exports.allCampaigns")}
            data={(known.data ?? []).map((one) => ({ value: one.key, label: one.title }))}
            value={campaign}
            onChange={setCampaign}
            clearable
            searchable
            data-testid="export-campaign"
          />
          <TextInput type="date" label={t("exports.from")} value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
          <TextInput type="date" label={t("exports.to")} value={to} onChange={(event) => setTo(event.currentTarget.value)} />
          <Select
            label={t("exports.format")}
            data={["csv", "xlsx"].map((one) => ({ value: one, label: one.toUpperCase() }))}
            value={format}
            onChange={(value) => setFormat(value === "xlsx" ? "xlsx" : "csv")}
            allowDeselect={false}
          />
        </Group>
        {format === "csv" && <Checkbox label={t("exports.bom")} checked={bom} onChange={(event) => setBom(event.currentTarget.checked)} />}
        <Checkbox
          label={t("exports.masked")}
          checked={masked}
          disabled={marketing}
          onChange={(event) => setMasked(event.currentTarget.checked)}
        />
        {ask.error && <ProblemAlert error={ask.error} />}
        <Group>
          <Button type="submit" disabled={OF_CAMPAIGN.includes(kind) && campaign === null} loading={ask.isPending} data-testid="export-ask">
            {t("exports.do")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
