import { Anchor, Chip, Group, Text } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";

import { gatewaysQuery, type Gateway } from "../../api/gateways";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Empty } from "../../ui/empty";
import { Page } from "../../ui/page";
import { SearchField, useSearch } from "../../ui/search-field";
import { DataTable } from "../../ui/table";
import { Time } from "../../ui/time";
import { rowsOf } from "../../ui/use-list";
import { LastChanges } from "./changes";
import { NewGateway } from "./new";
import { GatewayState, GatewayWay } from "./state";

const words = texts.admin.gateways;

/** Which gateways run, what each of them knows, and how far it is behind: a change can be watched on its way. */
export function Gateways() {
  const to = useAddress();
  const admin = administers(useSession());
  const search = useSearch();
  const [state, choose] = useChosen();
  const list = useInfiniteQuery({ ...gatewaysQuery(search, state), placeholderData: keepPreviousData });
  const counts = list.data?.pages[0]?.counts ?? {};
  return (
    <Page title={words.title} lead={words.lead} actions={admin && <NewGateway />}>
      <LastChanges />
      <Group gap="sm">
        <SearchField label={words.search} />
        <States counts={counts} chosen={state} choose={choose} />
      </Group>
      <DataTable<Gateway>
        label={words.title}
        keyOf={(g) => g.id}
        empty={
          Object.keys(counts).length > 0 ? <Text c="dimmed">{words.noMatch}</Text> : <Empty icon="server" title={words.emptyTitle}>{words.empty}</Empty>
        }
        columns={[
          { title: texts.common.name, width: "28%", cell: (g) => <Anchor component={Link} to={to("admin", "gateways", g.name)} fw={600} size="sm">{g.name}</Anchor> },
          { title: words.group, wide: true, width: "12%", cell: (g) => g.group },
          { title: words.state, width: "18%", cell: (g) => <GatewayState gateway={g} /> },
          { title: words.knows, width: "18%", cell: (g) => <GatewayWay gateway={g} /> },
          { title: words.seen, wide: true, width: "14%", cell: (g) => <Time at={g.lastSeen} past /> },
          { title: words.build, wide: true, width: "10%", cell: (g) => g.build ?? "" },
        ]}
        {...rowsOf(list)}
      />
    </Page>
  );
}

// The state that the list is narrowed to is in the address, so that it can be shared.
function useChosen(): [string, (state: string) => void] {
  const [params, setParams] = useSearchParams();
  const choose = (state: string) => {
    setParams((old) => {
      const next = new URLSearchParams(old);
      if (state === "inUse") next.delete("state");
      else next.set("state", state);
      return next;
    }, { replace: true });
  };
  return [params.get("state") ?? "inUse", choose];
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
