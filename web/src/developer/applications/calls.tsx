import { Anchor, Group, Stack, Switch, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { alike, callOf, decisionsQuery, kindOf, type Alike, type Decision } from "../../api/decisions";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { StateBadge } from "../../ui/state-badge";
import { Empty } from "../../ui/empty";
import { SilentGateways } from "../../ui/silent-gateways";
import { DataTable, type Column } from "../../ui/table";
import { Time } from "../../ui/time";
import { useNarrowed } from "../../ui/use-narrowed";

const words = texts.developer.calls;

/** How many calls are looked at. */
const newest = 100;

/** What the gateways decided lately about an application's calls, first of all what they refused, why, and what to do. */
export function Calls({ application }: { application: string }) {
  const { filter, put } = useNarrowed(["refused"]);
  const refused = filter.refused !== "no";
  const list = useQuery(decisionsQuery(useTenant(), { application, ...(refused && { refused }) }, newest));
  const calls = list.data && (list.data.items ?? []);
  const common = { label: texts.developer.applications.tabs.calls, folds: true, error: list.error, again: () => void list.refetch() };
  return (
    <Stack>
      <Text size="sm" c="dimmed">{words.lead}</Text>
      <Group gap="sm" mih={26}>
        <Switch
          label={words.refusedOnly}
          checked={refused}
          onChange={(event) => { put({ refused: event.currentTarget.checked ? "" : "no" }); }}
        />
        <SilentGateways of={list.data} />
      </Group>
      {refused ? (
        <DataTable<Alike>
          {...common}
          rows={calls && alike(calls)}
          uncounted
          keyOf={({ latest }) => kindOf(latest)}
          empty={<Empty icon="check" title={words.noneRefused}>{words.noneRefusedLead}</Empty>}
          columns={refusalColumns}
        />
      ) : (
        <DataTable<Decision>
          {...common}
          rows={calls}
          keyOf={(d) => d.decision}
          empty={<Empty icon="eye" title={words.none}>{words.noneLead}</Empty>}
          columns={callColumns}
        />
      )}
      {refused && calls?.length === newest && <Text size="sm" c="dimmed">{words.countedIn(newest)}</Text>}
    </Stack>
  );
}

const callColumns: Column<Decision>[] = [
  { title: words.when, cell: (d) => <Time at={d.at} past /> },
  { title: words.outcome, cell: (d) => <Outcome of={d} /> },
  { title: words.call, wide: true, cell: (d) => <Text size="sm">{callOf(d)}</Text> },
  { title: words.why, wide: true, cell: (d) => <Text size="sm">{d.detail}</Text> },
];

// A program that does one thing wrong over and over is one row, and does not hide what else is wrong.
const refusalColumns: Column<Alike>[] = [
  { title: words.outcome, cell: ({ latest }) => <Outcome of={latest} /> },
  { title: words.call, wide: true, cell: ({ latest }) => <Text size="sm">{callOf(latest)}</Text> },
  {
    title: words.why,
    wide: true,
    cell: ({ latest }) => (
      <>
        <Text size="sm">{latest.detail}</Text>
        <Text size="sm" c="dimmed">{words.nextOf[latest.code]}</Text>
      </>
    ),
  },
  { title: words.latest, wide: true, cell: ({ latest }) => <Time at={latest.at} past /> },
  { title: words.times, wide: true, number: true, cell: ({ times }) => <Text size="sm">{times}</Text> },
];

function Outcome({ of: { decision, code } }: { of: Decision }) {
  const to = useAddress();
  return (
    <Anchor component={Link} to={to("developer", "decisions", decision)}>
      <StateBadge tone={code ? "bad" : "good"}>{code || words.passed}</StateBadge>
    </Anchor>
  );
}
