import { ActionIcon, Group, Menu, Text, UnstyledButton, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { chooseMyLanguage, logout } from "../api/client";
import type { Language, Me } from "../api/types";
import { chooseLanguage, LANGUAGES } from "../i18n";
import { Icon } from "../icons";
import { forgetMe, ME } from "./useMe";

export function UserMenu({ me }: { me: Me }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const signOut = useMutation({
    mutationFn: logout,
    onMutate: () => queries.cancelQueries(),
    // Whatever the service says, this browser shows nothing more.
    onSettled: () => {
      sessionStorage.clear();
      forgetMe(queries);
    },
  });
  const choose = (language: Language) => {
    chooseLanguage(language);
    queries.setQueryData<Me | null>(ME, (known) => (known ? { ...known, language } : known));
    // The choice holds on this browser even if the service cannot keep it now.
    void chooseMyLanguage(language).catch(() => undefined);
  };
  return (
    <Group gap={4} wrap="nowrap">
      <LanguageMenu onChoose={choose} />
      <SchemeButton />
      <Menu position="bottom-end" withArrow>
        <Menu.Target>
          <UnstyledButton px={8} py={6} data-testid="user-menu">
            <Group gap={6} wrap="nowrap">
              <Icon name="person" />
              <Text size="sm" truncate maw={140}>
                {me.name}
              </Text>
            </Group>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            {me.login} · {t(`role.${me.role}`)}
          </Menu.Label>
          <Menu.Item leftSection={<Icon name="signOut" />} onClick={() => signOut.mutate()} data-testid="sign-out">
            {t("shell.signOut")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}

export function LanguageMenu({ onChoose }: { onChoose: (language: Language) => void }) {
  const { t, i18n } = useTranslation();
  return (
    <Menu position="bottom-end" withArrow>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("shell.language")} data-testid="language">
          <Icon name="language" size={20} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {LANGUAGES.map((language) => (
          <Menu.Item
            key={language.code}
            lang={language.code}
            onClick={() => onChoose(language.code)}
            leftSection={<span style={{ width: 16 }}>{i18n.language === language.code ? "✓" : ""}</span>}
            data-testid={`language-${language.code}`}
          >
            {language.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export function SchemeButton() {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const next = scheme === "dark" ? "light" : "dark";
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={t(`shell.${next}`)}
      title={t(`shell.${next}`)}
      onClick={() => setColorScheme(next)}
      data-testid="scheme"
    >
      <Icon name={next === "dark" ? "moon" : "sun"} size={20} />
    </ActionIcon>
  );
}
