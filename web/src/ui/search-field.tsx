import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
import { useSearchParams } from "react-router";

import { Icon } from "./icon";
import { useNarrowed } from "./use-narrowed";

/** What the address narrows the page's list to. */
export function useSearch(): string {
  return useSearchParams()[0].get("search") ?? "";
}

/** Narrows the list of a page. It is kept in the address, so that a narrowed list can be shared. */
export function SearchField({ label }: { label: string }) {
  const { filter, put } = useNarrowed(["search"]);
  const [typed, setTyped] = useState<string>(); // while somebody writes in it; else it says what the address does
  const narrow = useDebouncedCallback((search: string) => { put({ search }); }, 200);
  return (
    <TextInput
      aria-label={label}
      placeholder={label}
      leftSection={<Icon name="search" size={16} />}
      value={typed ?? filter.search ?? ""}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        narrow(event.currentTarget.value);
      }}
      onBlur={() => {
        narrow.flush();
        setTyped(undefined);
      }}
      w={{ base: "100%", xs: 280 }}
      type="search"
    />
  );
}
