import { Card, Divider, List, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Campaign } from "../api/types";
import type { About } from "./about";
import { fillScript } from "./script";

interface Props {
  campaign: Campaign | null;
  about: About;
  agent: string;
  direction: "inbound" | "outbound";
}

/** What to say, with the customer's own words and figures in it, and what is offered. */
export function Script({ campaign, about, agent, direction }: Props) {
  const { t } = useTranslation();
  if (!campaign) {
    return (
      <Card withBorder className="card" padding="md" h="100%">
        <Title order={2} fz="md" mb="xs">
          {t("desk.script")}
        </Title>
        <Text c="dimmed" size="sm">
          {t(direction === "inbound" ? "desk.noScriptInbound" : "desk.noScript")}
        </Text>
      </Card>
    );
  }
  const fields = { ...about.extra, name: about.name ?? "", agent };
  return (
    <Card withBorder className="card" padding="md" h="100%" component="section" aria-label={t("desk.script")} data-testid="script">
      <Stack gap="sm">
        {campaign.script.map((section, index) => (
          <div key={index}>
            <Title order={2} fz="md" mb={4}>
              {section.title}
            </Title>
            <Text className="prewrap script-text">
              {fillScript(section.text, fields).map((piece, at) =>
                piece.kind === "plain" ? (
                  piece.text
                ) : piece.kind === "filled" ? (
                  <span key={at} className="filled">
                    {piece.text}
                  </span>
                ) : (
                  <em key={at} title={t("desk.fieldMissing")}>
                    [{piece.text}]
                  </em>
                ),
              )}
            </Text>
          </div>
        ))}
        <Divider />
        <Offer campaign={campaign} />
      </Stack>
    </Card>
  );
}

function Offer({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const { offer } = campaign;
  return (
    <div>
      <Title order={2} fz="md">
        {t("desk.offer")}: {offer.name}
      </Title>
      {offer.selling_points.length > 0 && (
        <List size="sm" mt={4}>
          {offer.selling_points.map((point) => (
            <List.Item key={point}>{point}</List.Item>
          ))}
        </List>
      )}
      {offer.steps.length > 0 && (
        <>
          <Text size="sm" fw={600} mt="xs">
            {t("desk.steps")}
          </Text>
          <List type="ordered" size="sm">
            {offer.steps.map((step) => (
              <List.Item key={step}>{step}</List.Item>
            ))}
          </List>
        </>
      )}
    </div>
  );
}
