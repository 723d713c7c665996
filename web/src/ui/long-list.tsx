import { Group, Pagination, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { texts } from "../texts";
import { Icon } from "./icon";

/** A part of a list that may be very long: of what has the text, one page. A browser draws a thousand rows for seconds. */
export interface LongList {
  /** The places in the whole list of what is shown. */
  shown: number[];
  /** Whether more is there than one page. */
  long: boolean;
  found: number;
  search: string;
  setSearch: (text: string) => void;
  page: number;
  pages: number;
  setPage: (page: number) => void;
  /** Turns to where the entry at a place is, among all of them. */
  show: (place: number) => void;
}

/** Divides a list into parts. textOf gives what an entry is found by. */
export function useLongList<T>(list: T[], textOf: (entry: T) => string, size: number): LongList {
  const [search, setSearch] = useState("");
  const [turned, setPage] = useState(1);
  const wanted = search.trim().toLowerCase();
  const found = list.flatMap((entry, i) => (wanted === "" || textOf(entry).toLowerCase().includes(wanted) ? [i] : []));
  const pages = Math.max(1, Math.ceil(found.length / size));
  const page = Math.min(turned, pages);
  return {
    shown: found.slice((page - 1) * size, page * size),
    long: list.length > size,
    found: found.length,
    search,
    setSearch: (text) => {
      setSearch(text);
      setPage(1);
    },
    page,
    pages,
    setPage,
    show: (place) => {
      setSearch("");
      setPage(Math.floor(place / size) + 1);
    },
  };
}

/** Looks through the parts; nothing where one page has it all. */
export function LongListBar({ parts, label }: { parts: LongList; label: string }) {
  if (!parts.long) return null;
  return (
    <Group justify="space-between">
      <TextInput
        aria-label={label}
        placeholder={label}
        leftSection={<Icon name="search" size={16} />}
        value={parts.search}
        onChange={(event) => { parts.setSearch(event.currentTarget.value); }}
        onKeyDown={(event) => { if (event.key === "Enter") event.preventDefault(); }} // the form around it is not saved by this
        w={{ base: "100%", xs: 280 }}
        type="search"
      />
      <Group gap="sm">
        <Text size="sm" c="dimmed" role="status">{texts.table.shown(parts.found, false)}</Text>
        <Pagination
          size="sm"
          value={parts.page}
          total={parts.pages}
          onChange={parts.setPage}
          getItemProps={(n) => ({ "aria-label": texts.table.page(n) })}
          getControlProps={(control) => ({ "aria-label": control === "next" ? texts.table.nextPage : texts.table.previousPage })}
        />
      </Group>
    </Group>
  );
}
