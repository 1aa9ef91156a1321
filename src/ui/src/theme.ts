import { createTheme, type CSSVariablesResolver } from "@mantine/core";

export const theme = createTheme({
  primaryColor: "cyan",
  // The darkest shade: white text on it has a contrast of 5.4 : 1.
  primaryShade: 9,
  autoContrast: true,
  defaultRadius: "md",
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", Menlo, Consolas, "Noto Sans Mono CJK SC", monospace',
  headings: { fontWeight: "600" },
  cursorType: "pointer",
  respectReducedMotion: true,
});

/** Secondary text and marks in shades that keep 4.5 : 1 on their background (WCAG 1.4.3); the library's are paler. */
export const cssVariables: CSSVariablesResolver = (theme) => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": theme.colors.gray[7],
    "--mantine-color-placeholder": theme.colors.gray[7],
    "--mantine-color-error": theme.colors.red[9],
  },
  dark: {
    "--mantine-color-dimmed": theme.colors.dark[1],
    "--mantine-color-placeholder": theme.colors.dark[1],
    "--mantine-color-error": theme.colors.red[4],
  },
});
