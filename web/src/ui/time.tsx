import { Text, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

const steps: [limit: number, unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  [60, "second", 1],
  [3600, "minute", 60],
  [86_400, "hour", 3600],
  [86_400 * 30, "day", 86_400],
  [86_400 * 365, "month", 86_400 * 30],
  [Infinity, "year", 86_400 * 365],
];

// The words are English, and hours are counted to 24 everywhere.
const relative = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
const minute = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });

/** A time of the last days to the minute, for what is told by steps. */
export function minuteOf(at: Date): string {
  return minute.format(at);
}

/** A time as people say it: "3 minutes ago", "in 2 days". */
function relativeTime(at: Date, now: number): string {
  const seconds = Math.round((at.getTime() - now) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  const [, unit, length] = steps.find(([limit]) => size < limit) ?? ["", "second", 1];
  return relative.format(Math.trunc(seconds / length), unit);
}

/** The present, one clock for the whole page, so that all times on it move together. */
function useNow(): number {
  const { data } = useQuery({
    queryKey: ["clock"],
    queryFn: () => Date.now(),
    initialData: () => Date.now(),
    refetchInterval: 10_000,
    staleTime: 10_000,
  });
  return data;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

/** The time of day to the millisecond, for what happens faster than people say times; date and zone are on hover. */
export function Clock({ at }: { at: string }) {
  const date = new Date(at);
  return (
    <Text component="time" dateTime={at} title={exact.format(date)} size="sm" style={{ fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" }}>
      {clock.format(date)}
    </Text>
  );
}

interface Props {
  at: string | undefined;
  none?: string;
  /** It has been, and may be later than the page's clock, which goes on every ten seconds. */
  past?: boolean;
}

/** A time relative to now, with the exact one on hover and for screen readers. */
export function Time({ at, none = "never", past = false }: Props) {
  const now = useNow();
  if (!at) return <Text span inherit c="dimmed">{none}</Text>;
  const date = new Date(at);
  return (
    <Tooltip label={exact.format(date)}>
      <time dateTime={at} style={{ whiteSpace: "nowrap" }}>{relativeTime(date, past ? Math.max(now, date.getTime()) : now)}</time>
    </Tooltip>
  );
}
