import { Progress, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import { reachQuery, waiting, type Gateway, type Reach } from "../api/gateways";
import { texts } from "../texts";
import { toneColor } from "../theme";

const words = texts.reached;

/** How many gateways are named that lack a change. */
const named = 4;

interface Props {
  /** Tells one change from the next. */
  id: number;
  /** No connected gateway is waited for any more. whole: every gateway has it. */
  settled: (whole: boolean) => void;
}

/** On how many gateways a change is in force, while it is on its way, with the names of those that lack it. */
export function ChangeReach({ id, settled }: Props) {
  const { data: reach } = useQuery(reachQuery(id));
  const over = reach && waiting(reach).length === 0;
  const whole = reach?.lacking.length === 0;
  useEffect(() => { if (over) settled(whole); }, [over, whole, settled]);
  if (!reach) return <Text size="sm">{words.asking}</Text>;
  if (reach.all === 0) return <Text size="sm">{words.none}</Text>;
  if (whole) return <Text size="sm">{words.every(reach.all)}</Text>;
  return <OnItsWay reach={reach} />;
}

function OnItsWay({ reach }: { reach: Reach }) {
  const of = (state: Gateway["state"]) => reach.lacking.filter((g) => g.state === state);
  return (
    <Stack gap={4}>
      <Text size="sm">{words.some(reach.there, reach.all)}</Text>
      <Progress size="sm" value={(100 * reach.there) / reach.all} color={toneColor.good} aria-label={words.some(reach.there, reach.all)} />
      {(["behind", "stale", "away"] as const).filter((state) => of(state).length > 0).map((state) => (
        <Text key={state} size="sm" {...(state !== "behind" && { c: "yellow" })} style={{ overflowWrap: "anywhere" }}>
          {words[state](namesOf(of(state)))}
        </Text>
      ))}
    </Stack>
  );
}

function namesOf(gateways: Gateway[]): string {
  const names = gateways.slice(0, named).map((g) => g.name);
  if (gateways.length > named) names.push(words.more(gateways.length - named));
  return names.join(", ");
}
