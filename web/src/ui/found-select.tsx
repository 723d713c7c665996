import { Select } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { foundQuery, type Found } from "../api/search";
import type { Noun } from "../api/objects";
import { useTenant } from "../shell/place";
import { useSearchText } from "./use-search-text";

interface Props {
  noun: Noun;
  label: string;
  help?: string;
  none: string;
  chosen: Found | undefined;
  change: (found: Found | undefined) => void;
}

/** Chooses one object that a form cannot do without. The server searches, as its search does: there may be many thousands. */
export function FoundSelect({ noun, label, help, none, chosen, change }: Props) {
  const { asked, setSearch } = useSearchText(chosen && [chosen.title]);
  const list = useQuery({ ...foundQuery(useTenant(), noun, asked), placeholderData: keepPreviousData });
  const found = list.data ?? [];
  const offered = chosen && !found.some((f) => f.name === chosen.name) ? [chosen, ...found] : found;
  return (
    <Select
      label={label}
      description={help}
      data={offered.map((f) => ({ value: f.name, label: f.title }))}
      filter={({ options }) => options}
      value={chosen?.name ?? null}
      onSearchChange={setSearch}
      onChange={(name) => { change(offered.find((f) => f.name === name)); }}
      searchable
      required
      nothingFoundMessage={none}
    />
  );
}
