import { Stack, Tabs, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import type { Me } from "../api/types";
import { Keys } from "./Keys";
import { Webhooks } from "./Webhooks";

/** Other systems: who is told what happened, and which programs may use the API. */
export function IntegrationsPage({ me }: { me: Me }) {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const tab = params.get("tab") === "keys" ? "keys" : "webhooks";
  return (
    <Stack data-testid="integrations">
      <Title order={1} fz="h2">
        {t("nav.integrations")}
      </Title>
      <Tabs value={tab} onChange={(value) => setParams(value === "keys" ? { tab: "keys" } : {}, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="webhooks" data-testid="tab-webhooks">
            {t("webhook.title")}
          </Tabs.Tab>
          <Tabs.Tab value="keys" data-testid="tab-keys">
            {t("key.title")}
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="webhooks">
          <Webhooks />
        </Tabs.Panel>
        <Tabs.Panel value="keys">
          <Keys me={me} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}
