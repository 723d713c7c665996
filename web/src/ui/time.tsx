import { Text, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { texts } from "../texts";

/** The present, one clock for the whole page, so that all times on it move together. */
function useNow(): number {
  const { data } = useQuery({
    queryKey: ["/clock"],
    queryFn: () => Date.now(),
    initialData: () => Date.now(),
    refetchInterval: 10_000,
    staleTime: 10_000,
  });
  return data;
}

/** The time of day to the millisecond, for what happens faster than people say times; date and zone are on hover. */
export function Clock({ at }: { at: string }) {
  const date = new Date(at);
  return (
    <Text component="time" dateTime={at} title={texts.time.exact(date)} size="sm" style={{ fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" }}>
      {texts.time.millisecond(date)}
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
export function Time({ at, none = texts.time.never, past = false }: Props) {
  const now = useNow();
  if (!at) return <Text span inherit c="dimmed">{none}</Text>;
  const date = new Date(at);
  return (
    <Tooltip label={texts.time.exact(date)}>
      <time dateTime={at} style={{ whiteSpace: "nowrap" }}>{texts.time.relative(date, past ? Math.max(now, date.getTime()) : now)}</time>
    </Tooltip>
  );
}
