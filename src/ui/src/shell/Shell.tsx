import { AppShell, Burger, Drawer, Group, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { NavLink, useLocation } from "react-router";
import type { Me } from "../api/types";
import { Icon } from "../icons";
import { chooseLanguage, languageFor } from "../i18n";
import { entriesOf } from "./access";
import { BoardProvider } from "./BoardContext";
import { StaleBanner } from "./StaleBanner";
import { UserMenu } from "./UserMenu";

/** The frame around every page: where one can go, who one is, and whether what is shown is live. */
export function Shell({ me, children }: { me: Me; children: ReactNode }) {
  const { t } = useTranslation();

  useEffect(() => {
    if (me.language) chooseLanguage(languageFor(me.language));
  }, [me.language]);

  const frame = (
    <AppShell header={{ height: 56 }} padding={{ base: "xs", sm: "md" }}>
      <AppShell.Header data-tv-hidden>
        <a className="skip" href="#main">
          {t("shell.skip")}
        </a>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Navigation me={me} />
          <UserMenu me={me} />
        </Group>
      </AppShell.Header>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: "none" }}>
        {me.role !== "agent" && <StaleBanner />}
        {children}
      </AppShell.Main>
    </AppShell>
  );
  return me.role === "agent" ? frame : <BoardProvider>{frame}</BoardProvider>;
}

function Navigation({ me }: { me: Me }) {
  const { t } = useTranslation();
  const [opened, { open, close }] = useDisclosure(false);
  const { pathname } = useLocation();
  useEffect(close, [pathname, close]);

  const entries = entriesOf(me.role);
  const links = entries.map((entry) => (
    <NavLink key={entry.page} to={entry.path} className="nav-link" data-testid={`nav-${entry.page}`}>
      <Icon name={entry.icon} />
      {t(`nav.${entry.page}`)}
    </NavLink>
  ));
  return (
    <Group gap="md" wrap="nowrap" flex={1} miw={0}>
      {entries.length > 1 && (
        <Burger opened={opened} onClick={open} hiddenFrom="sm" size="sm" aria-label={t("shell.menu")} />
      )}
      <Group gap={8} wrap="nowrap">
        <img src="/favicon.svg" alt="" width={26} height={26} />
        <Text fw={700} size="lg">
          Lull
        </Text>
      </Group>
      <Group component="nav" className="nav" aria-label={t("shell.menu")} gap={4} wrap="nowrap" visibleFrom="sm">
        {links}
      </Group>
      <Drawer opened={opened} onClose={close} title={t("shell.menu")} size="xs">
        <Stack gap={4}>{links}</Stack>
      </Drawer>
    </Group>
  );
}
