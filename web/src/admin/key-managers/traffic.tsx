import { Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { trafficQuery, usagesQuery } from "../../api/key-managers";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Bars, stepsOf } from "../../ui/bars";
import { ObjectLink } from "../../ui/object-link";
import { Section } from "../../ui/page";
import { ProblemAlert } from "../../ui/problem-alert";
import { DataTable } from "../../ui/table";
import { Time } from "../../ui/time";

const words = texts.admin.traffic;

const hour = 3_600_000;

/** The calls that the key manager's tokens made in the last 48 hours, and how they ended. */
export function Traffic({ name }: { name: string }) {
  const tenant = useTenant();
  const traffic = useQuery(trafficQuery(tenant, name));
  const usages = useQuery(usagesQuery(tenant, name));
  if (traffic.error) return <ProblemAlert error={traffic.error} again={() => void traffic.refetch()} />;
  const hours = traffic.data?.hours ?? [];
  const codes = new Map<string, number>();
  for (const one of hours) {
    for (const [code, n] of Object.entries(one.codes)) codes.set(code, (codes.get(code) ?? 0) + n);
  }
  return (
    <Stack gap="xl">
      <Section title={words.hours}>
        {traffic.isPending ? (
          <Skeleton height={174} />
        ) : hours.length === 0 ? (
          <Text c="dimmed">{words.none}</Text>
        ) : (
          <Bars
            label={words.passedRefused}
            tones={words.tones}
            bars={stepsOf(hours, (h) => h.start, hour, 48).map(({ start, inside }) => ({
              start,
              parts: inside.flatMap((h) => [
                { value: h.passed, tone: "good" as const },
                { value: h.refused, tone: "bad" as const },
              ]),
            }))}
          />
        )}
      </Section>
      <Section title={words.refusals}>
        <DataTable
          label={words.refusals}
          uncounted
          rows={traffic.data && [...codes].sort((a, b) => b[1] - a[1])}
          keyOf={([code]) => code}
          empty={<Text c="dimmed">{words.noRefusal}</Text>}
          columns={[
            { title: words.code, cell: ([code]) => <Text ff="monospace" size="sm">{code}</Text> },
            { title: words.count, number: true, cell: ([, n]) => n },
          ]}
        />
      </Section>
      <Section title={words.clients}>
        <DataTable
          label={words.clients}
          rows={usages.data && (usages.data.clients ?? [])}
          of={usages.data?.counts.clients}
          keyOf={(client) => client.name}
          empty={<Text c="dimmed">{words.noClient}</Text>}
          columns={[
            { title: words.application, cell: (c) => <ObjectLink noun="applications" name={c.application} /> },
            { title: words.clientId, wide: true, cell: (c) => <ObjectLink noun="oauth-clients" name={c.name} shown={c.clientId ?? c.name} /> },
            { title: words.environment, wide: true, cell: (c) => c.environment },
            { title: words.state, cell: (c) => c.state },
            { title: words.lastUsed, cell: (c) => <Time at={c.lastUsedAt} past /> },
            { title: words.lastHour, number: true, cell: (c) => texts.admin.remove.counted(c.calls.passed, c.calls.refused) },
          ]}
        />
      </Section>
    </Stack>
  );
}
