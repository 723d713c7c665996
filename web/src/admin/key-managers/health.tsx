import { Alert, Button, Group, List, SimpleGrid, Skeleton, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import type { Schemas } from "../../api/client";
import { healthQuery, historyQuery, refreshKeys } from "../../api/key-managers";
import { forget } from "../../api/objects";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Bars, stepsOf } from "../../ui/bars";
import { Facts } from "../../ui/facts";
import { Icon } from "../../ui/icon";
import { Section } from "../../ui/page";
import { ProblemAlert } from "../../ui/problem-alert";
import { DataTable } from "../../ui/table";
import { Time } from "../../ui/time";

const words = texts.admin.health;

/** How the key manager's server is: keys and their ages, latency, clock, TLS, and what asks for attention. */
export function Health({ name }: { name: string }) {
  const tenant = useTenant();
  const health = useQuery(healthQuery(tenant, name));
  if (health.error) return <ProblemAlert error={health.error} again={() => void health.refetch()} />;
  if (!health.data) return null;
  const seen = health.data;
  return (
    <Stack gap="xl">
      {(seen.attention ?? []).map((alert) => (
        <Alert key={alert.code + alert.about} color="yellow" icon={<Icon name="warn" />} title={sentenceOf(alert.message)}>
          <Text size="sm">{sentenceOf(alert.fix)}</Text>
        </Alert>
      ))}
      <Section title={words.now} actions={<Refresh name={name} />}>
        {seen.type === "resident" ? <Text size="sm" maw={760}>{words.own}</Text> : !seen.lookedAt && <Text size="sm">{words.notYet}</Text>}
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
          <Facts
            rows={[
              [words.state, stateWords(seen.state)],
              [words.looked, seen.lookedAt && <Time key="l" at={seen.lookedAt} past />],
              [words.next, seen.nextLook && <Time key="n" at={seen.nextLook} />],
              [words.rotation, seen.lookedAt && <Time key="r" at={seen.lastRotation} none={words.notSeen} past />],
              [words.error, seen.error],
            ]}
          />
          <Facts
            rows={[
              [words.fetch, seen.keysMillis !== undefined && `${seen.keysMillis} ms`],
              [words.introspection, seen.introspectionMillis !== undefined && `${seen.introspectionMillis} ms`],
              [words.clock, seen.clockOffsetMillis !== undefined && words.offset(seen.clockOffsetMillis)],
              [words.tls, seen.tlsDays !== undefined && words.days(seen.tlsDays)],
              [words.lastHour, seen.lastHour && seen.lastHour.looks > 0 && words.looks(seen.lastHour.looks, seen.lastHour.failures)],
            ]}
          />
        </SimpleGrid>
      </Section>
      {seen.type !== "resident" && <History name={name} />}
      {(seen.keySets ?? []).map((set) => (
        <KeySet key={(set.issuers ?? []).join(" ")} set={set} />
      ))}
    </Stack>
  );
}

// The control plane's words go on in logs and at command lines; on a page they stand alone.
const sentenceOf = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

const stateWords = (state: string) => (texts.admin.keyManagers.health as Record<string, string | undefined>)[state] ?? state;

function Refresh({ name }: { name: string }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const session = useSession();
  const run = useMutation({
    mutationFn: () => refreshKeys(tenant, name),
    onSettled: () => forget(queries, tenant, "key-managers"),
  });
  if (!administers(session)) return null;
  return (
    <Group>
      {run.error && <ProblemAlert error={run.error} />}
      <Text size="xs" c="dimmed" role="status">{run.data && words.refreshed(run.data)}</Text>
      <Button
        size="xs"
        variant="light"
        loading={run.isPending}
        leftSection={<Icon name="refresh" size={14} />}
        onClick={() => { run.mutate(); }}
      >
        {words.refresh}
      </Button>
    </Group>
  );
}

/** The history is told by steps of this length, in milliseconds: there is a look a minute. */
const step = 5 * 60_000;

type Sample = Schemas["HealthSample"];

const sum = (samples: Sample[], of: (sample: Sample) => number) => samples.reduce((all, sample) => all + of(sample), 0);

// The mean time of the answers in a step, in milliseconds; nothing where there was none.
function mean(samples: Sample[], of: (sample: Sample) => Schemas["HealthLatency"] | undefined): number[] {
  const answers = sum(samples, (s) => of(s)?.answers ?? 0);
  return answers === 0 ? [] : [Math.round(sum(samples, (s) => (of(s)?.mean ?? 0) * (of(s)?.answers ?? 0)) / answers)];
}

function History({ name }: { name: string }) {
  const history = useQuery(historyQuery(useTenant(), name));
  const samples = history.data ?? [];
  if (history.isPending) return <Section title={words.history}><Skeleton height={174} /></Section>;
  if (samples.length === 0) return null;
  const steps = stepsOf(samples, (s) => s.at, step, 72);
  const times = (label: string, of: (sample: Sample) => Schemas["HealthLatency"] | undefined) => (
    <Bars label={label} unit="ms" bars={steps.map(({ start, inside }) => ({ start, parts: mean(inside, of).map((value) => ({ value, tone: "good" as const })) }))} />
  );
  return (
    <Section title={words.history}>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
        {times(words.fetch, (s) => s.keys)}
        {samples.some((s) => s.introspection) && times(words.introspection, (s) => s.introspection)}
        <Bars
          label={words.failures}
          tones={words.tones}
          bars={steps.map(({ start, inside }) => ({
            start,
            parts: inside.length === 0 ? [] : [
              { value: sum(inside, (s) => s.looks - s.failures), tone: "good" },
              { value: sum(inside, (s) => s.failures), tone: "bad" },
            ],
          }))}
        />
      </SimpleGrid>
    </Section>
  );
}

function Kids({ kids }: { kids: string[] }) {
  return kids.map((kid) => <Text key={kid} ff="monospace" size="xs" style={{ overflowWrap: "anywhere" }}>{kid}</Text>);
}

function KeySet({ set }: { set: Schemas["HealthKeySet"] }) {
  const rotations = set.rotations ?? [];
  return (
    <Section title={words.keysOf((set.issuers ?? []).join(", "))}>
      <Text size="sm" c="dimmed">
        {set.source && `${set.source} · `}{words.read} <Time at={set.readAt} past />
      </Text>
      {set.error && <Text size="sm" c="red">{set.error}</Text>}
      <DataTable
        label={words.keysOf((set.issuers ?? []).join(", "))}
        rows={set.keys ?? []}
        keyOf={(key) => key.thumbprint}
        empty={<Text c="dimmed">{words.noKeys}</Text>}
        columns={[
          { title: words.kid, cell: (key) => <Text ff="monospace" size="xs">{key.kid ?? key.thumbprint}</Text> },
          { title: words.alg, cell: (key) => key.alg ?? "" },
          { title: words.firstSeen, cell: (key) => <Time at={key.firstSeen} past /> },
        ]}
      />
      {(set.leftOut ?? []).length > 0 && (
        <List size="sm" c="dimmed">
          {(set.leftOut ?? []).map((why) => <List.Item key={why} style={{ overflowWrap: "anywhere" }}>{sentenceOf(why)}</List.Item>)}
        </List>
      )}
      {rotations.length > 0 && (
        <DataTable
          label={words.rotationsOf((set.issuers ?? []).join(", "))}
          rows={rotations}
          uncounted
          keyOf={(rotation) => rotation.at}
          empty={null}
          columns={[
            { title: words.rotations, cell: (rotation) => <Time at={rotation.at} past /> },
            { title: words.added, cell: (rotation) => <Kids kids={rotation.added ?? []} /> },
            { title: words.removed, cell: (rotation) => <Kids kids={rotation.removed ?? []} /> },
          ]}
        />
      )}
    </Section>
  );
}
