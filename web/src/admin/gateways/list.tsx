import { Anchor, Chip, Group, Text } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { gatewaysQuery, type Gateway } from "../../api/gateways";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Empty } from "../../ui/empty";
import { Page, Section } from "../../ui/page";
import { SearchField, useSearch } from "../../ui/search-field";
import { DataTable } from "../../ui/table";
import { Time } from "../../ui/time";
import { rowsOf } from "../../ui/use-list";
import { useNarrowed } from "../../ui/use-narrowed";
import { LastChanges } from "./changes";
import { NewGateway } from "./new";
import { GatewayState, GatewayWay } from "./state";

const words = texts.admin.gateways;

/** Which gateways run, what each of them knows, and how far it is behind: a change can be watched on its way. */
export function Gateways() {
  const admin = administers(useSession());
  return (
    <Page title={words.title} lead={words.lead} actions={admin && <NewGateway />}>
      <LastChanges />
      <Section title={words.each}><EachGateway /></Section>
    </Page>
  );
}

function EachGateway() {
  const to = useAddress();
  const search = useSearch();
  const { filter: { state = "inUse" }, put } = useNarrowed(["state"]);
  const list = useInfiniteQuery({ ...gatewaysQuery(search, state), placeholderData: keepPreviousData });
  const counts = list.data?.pages[0]?.counts ?? {};
  return (
    <>
      <Group gap="sm">
        <SearchField label={words.search} />
        <States counts={counts} chosen={state} choose={(chosen) => { put({ state: chosen === "inUse" ? "" : chosen }); }} />
      </Group>
      <DataTable<Gateway>
        label={words.title}
        keyOf={(g) => g.id}
        empty={
          Object.keys(counts).length > 0 ? <Text c="dimmed">{words.noMatch}</Text> : <Empty icon="server" title={words.emptyTitle}>{words.empty}</Empty>
        }
        columns={[
          { title: texts.common.name, width: "24%", cell: (g) => <Anchor component={Link} to={to("admin", "gateways", g.name)} fw={600} size="sm">{g.name}</Anchor> },
          { title: words.group, wide: true, width: "10%", cell: (g) => g.group },
          { title: words.state, width: "18%", cell: (g) => <GatewayState gateway={g} /> },
          { title: words.knows, width: "18%", cell: (g) => <GatewayWay gateway={g} /> },
          { title: words.seen, wide: true, width: "12%", cell: (g) => <Time at={g.lastSeen} past /> },
          { title: words.build, wide: true, width: "18%", cell: (g) => <Text size="sm" style={{ overflowWrap: "anywhere" }}>{g.build ?? ""}</Text> },
        ]}
        {...rowsOf(list)}
      />
    </>
  );
}

const offered = ["upToDate", "behind", "stale", "away", "never", "revoked"] as const;

// How many are in which state, each of which is a choice. A state that none is in is left out, unless it is chosen.
function States({ counts, chosen, choose }: { counts: Record<string, number>; chosen: string; choose: (state: string) => void }) {
  const inUse = offered.filter((state) => state !== "revoked").reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  return (
    <Chip.Group value={chosen} onChange={choose}>
      <Group gap={6} role="radiogroup" aria-label={words.narrow}>
        {["inUse", ...offered].filter((s) => s === "inUse" || s === chosen || (counts[s] ?? 0) > 0).map((s) => (
          <Chip key={s} value={s} size="xs" variant="light">
            {words.count(s === "inUse" ? inUse : counts[s] ?? 0, words.states[s] ?? s)}
          </Chip>
        ))}
      </Group>
    </Chip.Group>
  );
}
