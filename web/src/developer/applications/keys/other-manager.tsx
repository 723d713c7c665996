import { Select } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { keyOptionsQuery } from "../../../api/keys";
import { useTenant } from "../../../shell/place";
import { texts } from "../../../texts";
import { useSearchText } from "../../../ui/use-search-text";

interface Props {
  application: string;
  environment: string;
  choose: (keyManager: string) => void;
}

/** Looks for a key manager that has no tab. The server searches: there may be hundreds. */
export function OtherManager({ application, environment, choose }: Props) {
  const { asked, setSearch } = useSearchText();
  const [open, setOpen] = useState(false);
  const which = { environment, limit: "20", ...(asked && { search: asked }) };
  const found = useQuery({ ...keyOptionsQuery(useTenant(), application, which), enabled: open, placeholderData: keepPreviousData });
  return (
    <Select
      aria-label={texts.developer.keys.otherManager}
      placeholder={texts.developer.keys.otherManager}
      data={(found.data?.options ?? []).map((o) => ({ value: o.keyManager, label: o.displayName ?? o.keyManager }))}
      filter={({ options }) => options}
      value={null}
      onDropdownOpen={() => { setOpen(true); }}
      onSearchChange={setSearch}
      onChange={(name) => { if (name) choose(name); }}
      searchable
      nothingFoundMessage={found.data && texts.table.noMatch}
      w={220}
    />
  );
}
