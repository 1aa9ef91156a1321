import { Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { RECORDED, type Recorded } from "../api/types";

/** Chooses calls by their recordings. */
export function RecordedFilter({ value, onChange, label, size }: { value: Recorded | null; onChange: (value: Recorded | null) => void; label?: string; size?: "xs" }) {
  const { t } = useTranslation();
  return (
    <Select
      size={size ?? "sm"}
      label={label}
      aria-label={t("recording.filter")}
      placeholder={t("recording.any")}
      data={RECORDED.map((code) => ({ value: code, label: t(`recording.recorded.${code}`) }))}
      value={value}
      onChange={(chosen) => onChange(RECORDED.find((code) => code === chosen) ?? null)}
      clearable
      data-testid="recording-filter"
    />
  );
}
