import { TextInput, Stack } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { TextForm } from "./TextForm";

/** A campaign from a text that somebody has or writes. */
export function NewCampaign({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [key, setKey] = useState("");
  const fits = /^[a-z0-9][a-z0-9-]{0,47}$/.test(key);
  return (
    <Stack>
      <TextInput
        label={t("campaigns.key")}
        description={t("campaigns.keyNote")}
        value={key}
        onChange={(event) => setKey(event.currentTarget.value)}
        error={key !== "" && !fits ? t("campaigns.keyWrong") : null}
        data-testid="campaign-key"
      />
      <TextForm
        campaign={fits ? key : null}
        initial=""
        draftName="new"
        onApplied={(applied) => {
          onDone();
          void navigate(`/campaigns/${applied.key}`);
        }}
      />
    </Stack>
  );
}
