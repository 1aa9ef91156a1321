import { Alert, Button, Code, CopyButton, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Icon } from "../icons";

/** A secret, the only time that it can be seen. */
export function SecretShown({ secret, note, onDone }: { secret: string; note: string; onDone: () => void }) {
  const { t } = useTranslation();
  return (
    <Alert color="orange" role="status" icon={<Icon name="warning" />} title={t("secret.once")} data-testid="secret-shown">
      <Stack gap="xs">
        <Text size="sm">{note}</Text>
        <Code block data-testid="secret" style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
          {secret}
        </Code>
        <Group>
          <CopyButton value={secret}>
            {({ copied, copy }) => (
              <Button size="xs" onClick={copy} data-testid="secret-copy">
                {t(copied ? "secret.copied" : "secret.copy")}
              </Button>
            )}
          </CopyButton>
          <Button size="xs" variant="default" onClick={onDone} data-testid="secret-kept">
            {t("secret.kept")}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}
