import { Text } from "@mantine/core";

import classes from "./bars.module.css";

/** One bar: its parts from the bottom, each with a tone of the theme. */
export interface Bar {
  label: string;
  parts: { value: number; tone: "good" | "bad" | "quiet" }[];
}

/** Values over time as bars that can be hovered and read out. */
export function Bars({ bars, label, unit, height = 96 }: { bars: Bar[]; label: string; unit: string; height?: number }) {
  const top = Math.max(1, ...bars.map((bar) => bar.parts.reduce((sum, part) => sum + part.value, 0)));
  return (
    <figure className={classes.figure}>
      <div className={classes.bars} style={{ height }} role="img" aria-label={label}>
        {bars.map((bar, place) => (
          <div key={place} className={classes.bar} title={`${bar.label}: ${bar.parts.map((p) => p.value).join(" / ")} ${unit}`}>
            {bar.parts.map((part) => (
              <div key={part.tone} className={classes[part.tone]} style={{ height: `${(part.value / top) * 100}%` }} />
            ))}
          </div>
        ))}
      </div>
      <figcaption className={classes.caption}>
        <Text size="xs" c="dimmed">{bars[0]?.label}</Text>
        <Text size="xs" c="dimmed">{label}; the highest {top} {unit}</Text>
        <Text size="xs" c="dimmed">{bars.at(-1)?.label}</Text>
      </figcaption>
    </figure>
  );
}
