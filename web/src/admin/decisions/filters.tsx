import { Button, Group, Switch } from "@mantine/core";
import { useSearchParams } from "react-router";

import type { Decision, DecisionFilter } from "../../api/decisions";
import { texts } from "../../texts";
import { FilterField } from "../../ui/filter-field";

const words = texts.admin.decisions;

const names = ["keyManager", "api", "application", "code", "gateway"] as const;

/** What the page's address narrows the decisions to, so that it can be shared and comes back with the browser's button. */
export function useFilter() {
  const [params, setParams] = useSearchParams();
  const filter: DecisionFilter = {
    ...Object.fromEntries(names.flatMap((name) => (params.get(name) ? [[name, params.get(name)]] : []))),
    ...(params.get("refused") === "yes" && { refused: true }),
  };
  const put = (changed: Record<string, string>) => {
    setParams((old) => {
      const next = new URLSearchParams(old);
      for (const [name, value] of Object.entries(changed)) {
        if (value) next.set(name, value);
        else next.delete(name);
      }
      return next;
    }, { replace: true });
  };
  return { filter, live: params.get("live") !== "no", put };
}

interface Props extends ReturnType<typeof useFilter> {
  /** What is there already offers itself as a filter. */
  seen: Decision[];
}

/** The fields that narrow the decisions, and the switch that keeps them coming. */
export function Filters({ filter, live, put, seen }: Props) {
  return (
    <Group align="flex-end" gap="sm">
      {names.map((name) => (
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
