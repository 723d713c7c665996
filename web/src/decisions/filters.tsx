import { Button, Group, Switch } from "@mantine/core";

import type { Decision, DecisionFilter } from "../api/decisions";
import { seesGateways } from "../session/areas";
import { useSession } from "../session/session";
import { texts } from "../texts";
import { FilterField } from "../ui/filter-field";
import { useNarrowed } from "../ui/use-narrowed";

const words = texts.admin.decisions;

const names = ["keyManager", "api", "application", "code", "gateway"] as const;

/** What the page's address narrows the decisions to, and whether they keep coming. */
export function useFilter() {
  const { params, filter: named, put } = useNarrowed(names);
  const filter: DecisionFilter = { ...named, ...(params.get("refused") === "yes" && { refused: true }) };
  return { filter, live: params.get("live") !== "no", put };
}

interface Props extends ReturnType<typeof useFilter> {
  /** What is there already offers itself as a filter. */
  seen: Decision[];
}

/** The fields that narrow the decisions, and the switch that keeps them coming. */
export function Filters({ filter, live, put, seen }: Props) {
  const sees = seesGateways(useSession());
  return (
    <Group align="flex-end" gap="sm">
      {names.filter((name) => name !== "gateway" || sees).map((name) => (
        <FilterField
          key={`${name} ${filter[name] ?? ""}`}
          label={words.filters[name]}
          placeholder={words.any}
          value={filter[name] ?? ""}
          offered={[...new Set(seen.map((d) => d[name] ?? ""))].filter(Boolean).sort()}
          change={(value) => { put({ [name]: value }); }}
        />
      ))}
      <Group gap="md" h={30}>
        <Switch label={words.refusedOnly} checked={filter.refused === true} onChange={(event) => { put({ refused: event.currentTarget.checked ? "yes" : "" }); }} />
        <Switch label={words.live} checked={live} onChange={(event) => { put({ live: event.currentTarget.checked ? "" : "no" }); }} />
        {Object.keys(filter).length > 0 && (
          <Button size="compact-sm" variant="subtle" onClick={() => { put({ keyManager: "", api: "", application: "", code: "", gateway: "", refused: "" }); }}>
            {words.clear}
          </Button>
        )}
      </Group>
    </Group>
  );
}
