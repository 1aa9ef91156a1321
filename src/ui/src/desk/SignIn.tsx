import { Alert, Button, Card, Checkbox, Stack, Text, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Me } from "../api/types";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";

interface Props {
  me: Me;
  elsewhere: boolean;
  onSignIn: (groups: string[]) => Promise<void>;
}

/** Begins the shift. */
export function SignIn({ me, elsewhere, onSignIn }: Props) {
  const { t } = useTranslation();
  const [groups, setGroups] = useState(me.groups);
  const enter = useMutation({ mutationFn: () => onSignIn(groups) });
  return (
    <Card withBorder padding="xl" className="card" maw={480} mx="auto" mt="xl">
      <Stack>
        <Title order={1} fz="h2">
          {t("desk.welcome", { name: me.name })}
        </Title>
        {elsewhere && (
          <Alert color="orange" icon={<Icon name="warning" />} role="status">
            {t("desk.elsewhere")}
          </Alert>
        )}
        {me.device ? (
          <Text size="sm" c="dimmed">
            {t(`desk.device.${me.device.leg}`, { phone: me.device.phone })}
          </Text>
        ) : (
          <Alert color="red" icon={<Icon name="phone" />}>
            {t("desk.noDevice")}
          </Alert>
        )}
        {me.groups.length > 1 && (
          <Checkbox.Group label={t("desk.groups")} value={groups} onChange={setGroups}>
            <Stack gap={6} mt={6}>
              {me.groups.map((group) => (
                <Checkbox key={group} value={group} label={group} />
              ))}
            </Stack>
          </Checkbox.Group>
        )}
        {me.groups.length === 0 && <Text size="sm">{t("desk.noGroups")}</Text>}
        {enter.error && <ProblemAlert error={enter.error} />}
        <Button
          size="md"
          loading={enter.isPending}
          disabled={groups.length === 0}
          onClick={() => enter.mutate()}
          data-testid="desk-sign-in"
        >
          {elsewhere ? t("desk.takeOver") : t("desk.signIn")}
        </Button>
      </Stack>
    </Card>
  );
}
