import { MultiSelect, Select } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { ReactNode, Ref } from "react";

import { choicesQuery, titleOf } from "../api/search";
import { namedQuery, objectName, type Narrowed, type Noun, type Nouns } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { useSearchText } from "./use-search-text";

/** What the server finds while somebody types; of what was found before until there is an answer. */
function useChoices<N extends Noun>(noun: N, settled: string[], narrowed: Narrowed = {}) {
  const { search, setSearch, asked } = useSearchText(settled);
  const list = useQuery({ ...choicesQuery(useTenant(), noun, asked, narrowed), placeholderData: keepPreviousData });
  return { found: list.data?.found ?? [], more: list.data?.more === true, search, setSearch };
}

// What stands after the first of very many, and cannot be chosen. No object has such a name.
const rest = { value: " more", label: texts.table.typeForMore, disabled: true };

interface One<N extends Noun> {
  help?: string;
  /** It may be given up again. */
  clearable?: boolean;
  required?: boolean;
  /** It has the focus in what opens around it. */
  first?: boolean;
  error?: ReactNode;
  /** Where in a manifest the name is. */
  "data-path"?: string;
  /** The field itself, for who puts the focus there. */
  field?: Ref<HTMLInputElement>;
  noun: N;
  label: string;
  placeholder?: string;
  none: string;
  value: string | null;
  /** The chosen object; undefined where nothing is. */
  change: (object: Nouns[N] | undefined) => void;
  /** Whether it can be chosen; what cannot is shown all the same, so that nobody looks for it in vain. */
  free?: (object: Nouns[N]) => boolean;
  /** Which of them there are to choose from. */
  narrowed?: Narrowed;
}

/** Chooses one object of a noun. The server searches: there may be many thousands. */
export function ObjectSelect<N extends Noun>({ field, noun, label, help, placeholder, none, value, change, free, narrowed, clearable = false, required = false, first = false, error, ...place }: One<N>) {
  const chosen = useQuery(namedQuery(useTenant(), noun, value === null ? [] : [value])).data ?? [];
  const { found, more, setSearch } = useChoices(noun, chosen.map(titleOf), narrowed);
  const offered = [...found, ...chosen.filter((c) => !found.some((f) => objectName(f) === objectName(c)))];
  return (
    <Select
      {...place}
      {...(field && { ref: field, openOnFocus: false })} // whoever puts the focus there opens nothing
      label={label}
      description={help}
      error={error}
      clearable={clearable}
      required={required}
      {...(first && { "data-autofocus": true })}
      {...(placeholder !== undefined && { placeholder })}
      data={[...offered.map((o) => ({ value: objectName(o), label: titleOf(o), disabled: free?.(o) === false })), ...(more ? [rest] : [])]}
      filter={({ options }) => options}
      value={value}
      onSearchChange={setSearch}
      onChange={(name) => { change(offered.find((o) => objectName(o) === name)); }}
      searchable
      nothingFoundMessage={none}
    />
  );
}

interface Many {
  noun: Noun;
  label: string;
  /** Its label is on the page then, with this below it; otherwise only screen readers say it. */
  help?: string;
  placeholder: string;
  none: string;
  value: string[];
  change: (names: string[]) => void;
  error?: ReactNode;
  /** Where in a manifest the names are. */
  "data-path"?: string;
}

/** The same of several objects. */
export function ObjectsSelect({ noun, label, help, placeholder, none, value, change, error, ...place }: Many) {
  const { found, more, search, setSearch } = useChoices(noun, []);
  const chosen = useQuery({ ...namedQuery(useTenant(), noun, value), placeholderData: keepPreviousData }).data ?? [];
  const titles = new Map([...value.map((name): [string, string] => [name, name]), ...[...chosen, ...found].map((o): [string, string] => [objectName(o), titleOf(o)])]);
  return (
    <MultiSelect
      {...place}
      {...(help === undefined ? { "aria-label": label } : { label, description: help })}
      {...(value.length === 0 && { placeholder })}
      data={[...[...titles].map(([name, title]) => ({ value: name, label: title })), ...(more ? [rest] : [])]}
      // What was found is offered, and nothing of what is chosen already is.
      filter={({ options }) => options.filter((o) => "value" in o && (o.value === rest.value || found.some((f) => objectName(f) === o.value)))}
      value={value}
      onChange={change}
      searchValue={search}
      openOnFocus={false} // the focus comes here, too, to show that something is wrong
      onSearchChange={setSearch}
      error={error}
      searchable
      hidePickedOptions
      nothingFoundMessage={none}
    />
  );
}
