import { Alert, Button, Card, Center, Group, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { login } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import { chooseLanguage } from "../i18n";
import { Icon } from "../icons";
import { ProblemAlert } from "../shell/ProblemAlert";
import { LanguageMenu, SchemeButton } from "../shell/UserMenu";
import { ME } from "../shell/useMe";

export function Login() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [missing, setMissing] = useState(false);
  const passwordField = useRef<HTMLInputElement>(null);
  const enter = useMutation({
    mutationFn: () => login(name.trim(), password),
    onSuccess: (user) => queries.setQueryData(ME, user),
    onError: () => passwordField.current?.select(),
  });
  const wait = useSecondsLeft(enter.error);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const incomplete = name.trim() === "" || password === "";
    setMissing(incomplete);
    if (!incomplete && wait === 0) enter.mutate();
  };

  return (
    <Center component="main" mih="100vh" p="md">
      <Card w={380} maw="100%" padding="xl" withBorder shadow="sm" className="card">
        <form onSubmit={submit} noValidate>
          <Stack>
            <Group justify="space-between" wrap="nowrap">
              <Group gap={10} wrap="nowrap">
                <img src="/favicon.svg" alt="" width={32} height={32} />
                <Title order={1} fz="h2">
                  Lull
                </Title>
              </Group>
              <Group gap={2} wrap="nowrap">
                <LanguageMenu onChoose={chooseLanguage} />
                <SchemeButton />
              </Group>
            </Group>
            <Text c="dimmed" size="sm">
              {t("login.intro")}
            </Text>
            <TextInput
              label={t("login.name")}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              error={missing && name.trim() === "" ? t("login.nameMissing") : null}
              autoComplete="username"
              autoCapitalize="none"
              spellCheck={false}
              data-autofocus
              autoFocus
              data-testid="login-name"
            />
            <PasswordInput
              ref={passwordField}
              label={t("login.password")}
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
              error={missing && password === "" ? t("login.passwordMissing") : null}
              autoComplete="current-password"
              visibilityToggleButtonProps={{ "aria-label": t("login.showPassword") }}
              data-testid="login-password"
            />
            {enter.error && <LoginProblem problem={asProblem(enter.error)} wait={wait} />}
            <Button type="submit" loading={enter.isPending} disabled={wait > 0} data-testid="login-submit">
              {t("login.enter")}
            </Button>
            <Text c="dimmed" size="xs">
              {t("login.help")}
            </Text>
          </Stack>
        </form>
      </Card>
    </Center>
  );
}

function LoginProblem({ problem, wait }: { problem: Problem; wait: number }) {
  const { t } = useTranslation();
  if (problem.status === 429) {
    return (
      <Alert color="orange" role="alert" icon={<Icon name="clock" />} data-testid="login-throttled">
        {wait > 0 ? t("login.throttled", { count: wait }) : t("login.again")}
      </Alert>
    );
  }
  if (problem.status === 401) {
    return (
      <Alert color="red" role="alert" icon={<Icon name="warning" />} data-testid="login-refused">
        {t("login.refused")}
      </Alert>
    );
  }
  return <ProblemAlert error={problem} />;
}

/** Counts down the seconds for which the service wants no further attempt. */
function useSecondsLeft(error: unknown): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const wait = error ? (asProblem(error).retryAfter ?? 0) : 0;
    const until = Date.now() + wait * 1000;
    const tick = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    tick();
    const timer = window.setInterval(tick, 500);
    return () => window.clearInterval(timer);
  }, [error]);
  return left;
}
