import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { foundQuery } from "../api/found";
import { useTenant } from "../shell/place";

interface Props {
  label: string;
  help: string;
  none: string;
  chosen: string | null;
  change: (user: string | null) => void;
}

/** Chooses a user of the tenant. The server searches, by name and e-mail: there may be many thousands. */
export function UserSelect({ label, help, none, chosen, change }: Props) {
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search, 200);
  const list = useQuery({ ...foundQuery(useTenant(), "users", chosen === asked ? "" : asked), placeholderData: keepPreviousData });
  const names = (list.data ?? []).map((f) => f.name);
  return (
    <Select
      label={label}
      description={help}
      data={chosen !== null && !names.includes(chosen) ? [chosen, ...names] : names}
      filter={({ options }) => options}
      value={chosen}
      onSearchChange={setSearch}
      onChange={change}
      searchable
      required
      nothingFoundMessage={none}
    />
  );
}
