import { Progress, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { createGateway, gatewaysQuery, revokeGateway } from "../api/admin";
import type { Schemas } from "../api/client";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useTyped } from "../session/typed";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { toneColor } from "../theme";
import { StateBadge } from "../ui/badge";
import { CodeBlock } from "../ui/code";
import { Empty } from "../ui/empty";
import { MakeOnce } from "../ui/make-once";
import { Page } from "../ui/page";
import { Revoke } from "../ui/revoke";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";

const words = texts.admin.gateways;

/** Which gateways run, what each of them knows, and how far it is behind: a change can be watched on its way. */
export function Gateways() {
  const admin = administers(useSession());
  const list = useQuery(gatewaysQuery(useTenant()));
  return (
    <Page title={words.title} lead={words.lead} actions={admin && <NewGateway />}>
      <Text size="sm" role="status" mih={22}>{list.data && words.sum(list.data.filter(follows).length, list.data.filter((g) => follows(g) && g.lag > 0).length)}</Text>
      <DataTable<Schemas["Gateway"]>
        label={words.title}
        rows={list.data}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(g) => g.id}
        empty={<Empty icon="server" title={words.emptyTitle}>{words.empty}</Empty>}
        columns={[
          { title: texts.common.name, cell: (g) => <Text fw={600} size="sm">{g.name}</Text> },
          { title: words.group, wide: true, cell: (g) => g.group },
          { title: words.state, cell: (g) => <GatewayState gateway={g} /> },
          { title: words.knows, cell: (g) => <Way gateway={g} /> },
          { title: words.seen, cell: (g) => <Time at={g.lastSeen} /> },
          { title: words.build, wide: true, cell: (g) => g.build ?? "" },
          { title: words.actions, cell: (g) => admin && !g.revokedAt && <Revoke words={words} name={g.name} word={g.name} noun="gateways" revoke={() => revokeGateway(g.name)} /> },
        ]}
      />
    </Page>
  );
}

function GatewayState({ gateway }: { gateway: Schemas["Gateway"] }) {
  if (gateway.revokedAt) return <StateBadge tone="quiet">{words.revoked}</StateBadge>;
  if (!gateway.lastSeen) return <StateBadge tone="quiet">{words.never}</StateBadge>;
  if (gateway.away) return <StateBadge tone="bad" hint={words.awayHelp}>{words.away}</StateBadge>;
  if (gateway.stale) return <StateBadge tone="warn" hint={words.staleHelp}>{words.stale}</StateBadge>;
  if (gateway.lag > 0) return <StateBadge tone="warn">{words.behind(gateway.lag)}</StateBadge>;
  return <StateBadge tone="good">{words.upToDate}</StateBadge>;
}

// One that takes changes as they come.
const follows = (g: Schemas["Gateway"]) => !g.revokedAt && g.lastSeen !== undefined && !g.stale && !g.away;

// How far the changes of its group have come to it.
function Way({ gateway }: { gateway: Schemas["Gateway"] }) {
  if (gateway.revokedAt ?? !gateway.lastSeen) return null;
  const newest = gateway.revision + gateway.lag;
  return (
    <Stack gap={4} maw={180}>
      <Text size="sm">{words.atRevision(gateway.revision, newest)}</Text>
      <Progress
        size="sm"
        value={newest === 0 ? 100 : Math.max(4, (gateway.revision / newest) * 100)}
        color={gateway.lag > 0 ? toneColor.warn : toneColor.good}
        transitionDuration={300}
        aria-label={words.wayOf(gateway.name)}
      />
    </Stack>
  );
}

function NewGateway() {
  const [name, setName] = useTyped("gateway", "");
  const [group, setGroup] = useTyped("group", "");
  return (
    <MakeOnce
      words={words}
      noun="gateways"
      make={() => createGateway({ name: name.trim(), ...(group.trim() && { group: group.trim() }) })}
      shown={(made) => <CodeBlock label="sh">{startCommand(made.token)}</CodeBlock>}
      closed={() => {
        setName("");
        setGroup("");
      }}
    >
      <Stack>
        <Text size="sm">{words.addLead}</Text>
        <TextInput label={texts.common.name} required value={name} onChange={(event) => { setName(event.currentTarget.value); }} data-autofocus />
        <TextInput label={words.group} placeholder="default" value={group} onChange={(event) => { setGroup(event.currentTarget.value); }} />
      </Stack>
    </MakeOnce>
  );
}

function startCommand(token: string): string {
  return `KEYWARD_CONTROL_URL='${location.origin}' KEYWARD_GATEWAY_TOKEN='${token}' keyward serve --role gateway`;
}
