import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { foundQuery, type Found } from "../api/found";
import { useTenant } from "../shell/place";

interface Props {
  label: string;
  none: string;
  chosen: Found | undefined;
  change: (application: Found | undefined) => void;
}

/** Chooses one of a person's applications. The server searches: there may be many thousands. */
export function ApplicationSelect({ label, none, chosen, change }: Props) {
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search, 200);
  const wanted = chosen?.title === asked ? "" : asked;
  const list = useQuery({ ...foundQuery(useTenant(), "applications", wanted), placeholderData: keepPreviousData });
  const found = list.data ?? [];
  const offered = chosen && !found.some((f) => f.name === chosen.name) ? [chosen, ...found] : found;
  return (
    <Select
      label={label}
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
