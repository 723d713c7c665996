import { Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import type { Schemas } from "../api/client";
import { endSession, sessionsKey, sessionsQuery, type Whose } from "../api/sessions";
import { texts } from "../texts";
import { StateBadge } from "../ui/state-badge";
import { Revoke } from "../ui/revoke";
import { DataTable, type Column } from "../ui/table";
import { Time } from "../ui/time";
import { browserOf } from "./browser";

const words = texts.sessions;

/** Sessions with what tells them apart, each of which can be ended. */
export function SessionTable({ tenant, whose, may }: { tenant: string; whose: Whose; may: boolean }) {
  const list = useQuery(sessionsQuery(tenant, whose));
  const who: Column<Schemas["Listed"]>[] =
    whose === "everybody" ? [{ title: words.who, cell: (one) => <Person session={one} /> }] : [];
  return (
    <DataTable
      label={words.title}
      rows={list.data}
      error={list.error}
      again={() => void list.refetch()}
      keyOf={(one) => one.id}
      empty={<Text c="dimmed">{words.empty}</Text>}
      columns={[
        ...who,
        {
          title: words.browser,
          cell: (one) => (
            <Group gap="xs">
              <Text size="sm" title={one.browser}>{browserOf(one.browser) ?? words.unknown}</Text>
              {one.current === true && <StateBadge tone="good">{words.current}</StateBadge>}
            </Group>
          ),
        },
        { title: words.since, wide: true, cell: (one) => <Time at={one.since} past /> },
        { title: words.seen, cell: (one) => <Time at={one.seen} past /> },
        { title: words.expires, wide: true, cell: (one) => <Time at={one.expires} /> },
        {
          title: words.actions,
          cell: (one) =>
            may && one.current !== true && <Revoke words={words} name={one.name} stale={sessionsKey(tenant)} revoke={() => endSession(one.id)} />,
        },
      ]}
    />
  );
}

function Person({ session }: { session: Schemas["Listed"] }) {
  return (
    <Stack gap={0}>
      <Text size="sm">{session.name}</Text>
      {session.user !== session.name && (
        <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>{session.user}</Text>
      )}
    </Stack>
  );
}
