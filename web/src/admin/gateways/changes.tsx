import { Anchor, Group, Progress, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { changesQuery } from "../../api/gateways";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { toneColor } from "../../theme";
import { RowLink } from "./row-link";
import { Section } from "../../ui/page";
import { DataTable } from "../../ui/table";

const words = texts.admin.changes;

type Change = Schemas["Change"];

/** The last changes, each with its way to the gateways as it happens. */
export function LastChanges() {
  const list = useQuery(changesQuery());
  return (
    <Section title={words.title}>
      <ChangeTable label={words.title} rows={list.data} error={list.error} empty={words.none} />
    </Section>
  );
}

/** The changes that one gateway lacks. */
export function LackedChanges({ gateway }: { gateway: string }) {
  const list = useQuery(changesQuery(gateway));
  return (
    <Section title={words.lacks}>
      <ChangeTable label={words.lacks} rows={list.data} error={list.error} empty={words.lacksNothing} />
    </Section>
  );
}

function ChangeTable({ label, rows, error, empty }: { label: string; rows: Change[] | undefined; error: Error | null; empty: string }) {
  return (
    <DataTable
      label={label}
      rows={rows}
      error={error}
      uncounted
      keyOf={(c) => `${c.group} ${c.revision}`}
      empty={<Text size="sm" c="dimmed">{empty}</Text>}
      columns={[
        { title: words.revision, wide: true, width: "12%", cell: (c) => c.revision },
        { title: words.what, width: "44%", cell: (c) => <What change={c} /> },
        { title: words.way, width: "44%", cell: (c) => <Way change={c} /> },
      ]}
    />
  );
}

function What({ change }: { change: Change }) {
  const objects = change.objects ?? [];
  const first = objects[0];
  if (!first) return null;
  return (
    <Text size="sm" style={{ overflowWrap: "anywhere" }}>
      {words.kinds[first.kind] ?? first.kind} <RowLink row={first} />
      {first.deleted && ` (${first.gone ? words.gone : words.unheld})`}
      {change.rows > 1 && <Text span size="sm" c="dimmed"> {words.others(change.rows - 1)}</Text>}
    </Text>
  );
}

function Way({ change }: { change: Change }) {
  const whole = change.there === change.of;
  return (
    <Stack gap={4} mih={31} justify="center">
      <Text size="sm">{words.there(change.there, change.of)}</Text>
      {!whole && (
        <Progress
          size="sm"
          maw={180}
          value={(100 * change.there) / change.of}
          color={toneColor.warn}
          transitionDuration={300}
          aria-label={words.wayOf(change.revision)}
        />
      )}
      {!whole && <Lacking change={change} />}
    </Stack>
  );
}

// Those that lack it, each with the way to its page.
function Lacking({ change }: { change: Change }) {
  const to = useAddress();
  const names = change.lacking ?? [];
  const more = change.of - change.there - names.length;
  return (
    <Group gap="xs">
      <Text size="sm" c="dimmed">{words.lacking}</Text>
      {names.map((name) => (
        <Anchor key={name} component={Link} to={to("admin", "gateways", name)} size="sm" style={{ overflowWrap: "anywhere" }}>{name}</Anchor>
      ))}
      {more > 0 && <Text size="sm" c="dimmed">{words.others(more)}</Text>}
    </Group>
  );
}
