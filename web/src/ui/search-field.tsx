import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useSearchParams } from "react-router";

import { Icon } from "./icon";

/** What the address narrows the page's list to. */
export function useSearch(): string {
  return useSearchParams()[0].get("search") ?? "";
}

/** Narrows the list of a page. It is kept in the address, so that a narrowed list can be shared. */
export function SearchField({ label }: { label: string }) {
  const [params, setParams] = useSearchParams();
  const narrow = useDebouncedCallback((text: string) => {
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (text) next.set("search", text);
        else next.delete("search");
        return next;
      },
      { replace: true },
    );
  }, 200);
  return (
    <TextInput
      aria-label={label}
      placeholder={label}
      leftSection={<Icon name="search" size={16} />}
      defaultValue={params.get("search") ?? ""}
      onChange={(event) => { narrow(event.currentTarget.value); }}
      w={{ base: "100%", xs: 280 }}
      type="search"
    />
  );
}
