import { Alert, Anchor, Button, Code, CopyButton, Group, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { landing } from "../api/client";
import { count } from "../format";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";

const FIGURES = ["links", "visited", "visits", "previews", "registrations"] as const;

/** A campaign's landing page: where it is, how another site shows it, and what came of it. */
export function Landing({ campaign }: { campaign: string }) {
  const { t, i18n } = useTranslation();
  const view = useQuery({ queryKey: ["campaigns", campaign, "landing"], queryFn: () => landing(campaign), refetchInterval: 15_000 });
  if (view.isPending) return <Waiting />;
  if (view.error) return <ProblemAlert error={view.error} onRetry={() => void view.refetch()} />;
  const { address, trouble, embed } = view.data;
  return (
    <Stack gap="sm" data-testid="landing">
      {trouble && (
        <Alert color="orange" data-testid="landing-trouble">
          {t(`landing.trouble.${trouble}`)}
        </Alert>
      )}
      {address && <Copied label={t("landing.address")} text={address} testId="landing-address" />}
      {address && (
        <Anchor href={address} target="_blank" rel="noreferrer" size="sm">
          {t("landing.preview")}
        </Anchor>
      )}
      {embed && <Copied label={t("landing.embed")} text={embed} testId="landing-embed" />}
      <Table fz="sm" verticalSpacing={4}>
        <Table.Tbody className="figures">
          {FIGURES.map((figure) => (
            <Table.Tr key={figure}>
              <Table.Td>{t(`landing.${figure}`)}</Table.Td>
              <Table.Td ta="right" data-testid={`landing-${figure}`}>
                {count(view.data[figure], i18n.language)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Stack>
  );
}

function Copied({ label, text, testId }: { label: string; text: string; testId: string }) {
  const { t } = useTranslation();
  return (
    <div>
      <Group justify="space-between" gap="xs">
        <Text size="sm">{label}</Text>
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button size="compact-xs" variant="default" onClick={copy}>
              {copied ? t("landing.copied") : t("landing.copy")}
            </Button>
          )}
        </CopyButton>
      </Group>
      <Code block data-testid={testId} style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        {text}
      </Code>
    </div>
  );
}
