import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

/** The one source of colours, spacing and shape. Components name them; they never write a colour of their own. */
const pine: MantineColorsTuple = [
  "#e8f7f2",
  "#d3ece3",
  "#a6d8c6",
  "#75c3a8",
  "#4fb18e",
  "#36a67d",
  "#1f8f69",
  "#12715b",
  "#0b5e4b",
  "#034b3b",
];

export const theme = createTheme({
  primaryColor: "pine",
  primaryShade: { light: 7, dark: 6 },
  colors: { pine },
  autoContrast: true,
  defaultRadius: "md",
  fontFamily: "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, monospace",
  headings: { fontWeight: "650" },
  cursorType: "pointer",
  components: {
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250 } },
    Table: { defaultProps: { verticalSpacing: "xs", highlightOnHover: true } },
    Modal: { defaultProps: { centered: true } },
  },
});

/** Quiet text is dark enough to be read by everybody (WCAG 2.2, contrast of 4.5 to 1). */
export const colors: CSSVariablesResolver = () => ({
  variables: {},
  light: { "--mantine-color-dimmed": "#5c636b", "--mantine-color-placeholder": "#6b7280" },
  dark: { "--mantine-color-dimmed": "#a6adb5", "--mantine-color-placeholder": "#8d949c" },
});

/** What a state means, as a colour. Words always say it too. */
export type Tone = "good" | "busy" | "warn" | "bad" | "quiet";

export const toneColor: Record<Tone, string> = {
  good: "pine",
  busy: "blue",
  warn: "yellow",
  bad: "red",
  quiet: "gray",
};
