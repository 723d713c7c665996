import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

import { texts } from "./texts";
import alert from "./ui/alert.module.css";
import field from "./ui/field.module.css";
import segmented from "./ui/segmented.module.css";
import table from "./ui/table.module.css";

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

// What lies over a page: its title, and the button that closes it.
const over = { title: { fontWeight: 600, fontSize: "var(--mantine-font-size-lg)" } };
const closing = { closeButtonProps: { "aria-label": texts.common.close } };

export const theme = createTheme({
  primaryColor: "pine",
  primaryShade: 7,
  colors: { pine },
  autoContrast: true,
  respectReducedMotion: true,
  defaultRadius: "md",
  fontFamily: "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, monospace",
  fontWeights: { regular: "400", medium: "500", bold: "600" },
  headings: { fontWeight: "600", sizes: { h2: { fontSize: "1.5rem", lineHeight: "1.3" }, h4: { fontSize: "1.0625rem", lineHeight: "1.4" } } },
  cursorType: "pointer",
  components: {
    Alert: { defaultProps: { classNames: { body: alert.body } } },
    Input: { defaultProps: { classNames: { input: field.field } } },
    SegmentedControl: { defaultProps: { classNames: { root: segmented.root, label: segmented.label } } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250 } },
    Chip: { styles: { root: { display: "flex" } } }, // chips of a row stand on one line, with a tick in them or without
    Badge: { styles: { root: { fontWeight: 500, letterSpacing: 0 } } },
    Table: { defaultProps: { verticalSpacing: "xs", horizontalSpacing: "md", highlightOnHover: true, classNames: { th: table.head } } },
    TableScrollContainer: { defaultProps: { pos: "relative" } }, // what is hidden in a table stays in what scrolls around it
    Modal: { defaultProps: { centered: true, ...closing }, styles: over },
    Drawer: { defaultProps: closing, styles: over },
    Notification: { defaultProps: closing },
    TagsInput: { defaultProps: { splitChars: [",", " "], acceptValueOnBlur: true } },
  },
});

// What lies behind such text, in the light look: pale, so that words are seen before their colour.
const tintLight = { pine: "#e3f3ed", blue: "#e6f1fb", yellow: "#fff6d6", red: "#fdeaea" };

function tints(of: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(of).map(([name, tint]) => [`--mantine-color-${name}-light`, tint]));
}

// The colours that text has in a tone. Mantine's own are for surfaces; on a page they are too pale to be read by everybody.
const inkLight = { pine: "#0b5e4b", blue: "#175592", yellow: "#7a4f00", red: "#b02525", gray: "#4a5058" };
const inkDark = { pine: "#75c3a8", blue: "#8ac2f5", yellow: "#f2c94c", red: "#ffa8a8", gray: "#b8bfc6" };

function inks(of: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(of).flatMap(([name, ink]) => [
      [`--mantine-color-${name}-text`, ink],
      [`--mantine-color-${name}-light-color`, ink],
    ]),
  );
}

/** Text is dark or light enough to be read by everybody (WCAG 2.2: a contrast of 4.5 to 1). */
export const colors: CSSVariablesResolver = () => ({
  variables: {},
  light: { "--mantine-color-dimmed": "#5c636b", "--mantine-color-placeholder": "#6b7280", "--mantine-color-error": inkLight.red, ...inks(inkLight), ...tints(tintLight) },
  dark: { "--mantine-color-dimmed": "#a6adb5", "--mantine-color-placeholder": "#8d949c", "--mantine-color-error": inkDark.red, ...inks(inkDark) },
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
