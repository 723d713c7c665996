import { Group, Text } from "@mantine/core";

import { texts } from "../texts";
import classes from "./bars.module.css";

type BarTone = "good" | "bad";

/** One bar: when it begins, and its parts from the bottom, each with a tone of the theme. */
interface Bar {
  start: Date;
  parts: { value: number; tone: BarTone }[];
}

/**
 * The steps of a span that ends now, the oldest first, each with what of the list is in it: a span is as long when little is
 * known of it. step is in milliseconds.
 */
export function stepsOf<T>(list: T[], atOf: (entry: T) => string, step: number, count: number, now = Date.now()): { start: Date; inside: T[] }[] {
  const first = (Math.floor(now / step) - count + 1) * step;
  const steps = Array.from({ length: count }, (_, i) => ({ start: new Date(first + i * step), inside: [] as T[] }));
  for (const entry of list) steps[Math.floor((Date.parse(atOf(entry)) - first) / step)]?.inside.push(entry);
  return steps;
}

interface Props {
  bars: Bar[];
  label: string;
  /** What is counted is without one. */
  unit?: string;
  /** What each tone stands for, where there is more than one. */
  tones?: Record<BarTone, string>;
}

const height = 96;

/** Values over time as bars that can be hovered and read out. */
export function Bars({ bars, label, unit = "", tones }: Props) {
  const valueOf = (n: number) => `${n} ${unit}`.trim();
  const top = Math.max(1, ...bars.map((bar) => bar.parts.reduce((sum, part) => sum + part.value, 0)));
  const ends = [bars[0], bars.at(-1)].map((bar) => bar && texts.time.minute(bar.start));
  return (
    <figure className={classes.figure}>
      <div className={classes.bars} style={{ height }} role="img" aria-label={label}>
        {bars.map((bar, place) => (
          <div key={place} className={classes.bar} title={`${texts.time.minute(bar.start)}: ${bar.parts.map((p) => `${valueOf(p.value)} ${tones?.[p.tone] ?? ""}`.trim()).join(", ") || texts.common.none}`}>
            {bar.parts.map((part) => (
              <div key={part.tone} className={classes[part.tone]} style={{ height: `${(part.value / top) * 100}%` }} />
            ))}
          </div>
        ))}
      </div>
      <figcaption className={classes.caption}>
        <Text size="xs" c="dimmed">{ends[0]}</Text>
        <Group gap="sm" justify="center">
          <Text size="xs" c="dimmed">{texts.bars.most(label, valueOf(top))}</Text>
          {tones && (["good", "bad"] as const).map((tone) => (
            <Text key={tone} size="xs" c="dimmed" className={classes.key}><span className={classes[tone]} />{tones[tone]}</Text>
          ))}
        </Group>
        <Text size="xs" c="dimmed">{ends[1]}</Text>
      </figcaption>
    </figure>
  );
}
