import { useState } from "react";

/** The entries of a list that is edited row by row, each with a key that stays with it when others come, go or move. */
export function useKeyedRows<T>(list: T[], put: (list: T[]) => void) {
  const [made, setMade] = useState(() => ({ next: list.length, keys: list.map((_, i) => i) }));
  // What was changed elsewhere, as in the YAML, gets keys anew.
  const keys = made.keys.length === list.length ? made.keys : list.map((_, i) => made.next + i);
  const write = (entries: T[], kept: number[], added = 0) => {
    const next = made.next + list.length;
    setMade({ next: next + added, keys: [...kept, ...Array.from({ length: added }, (_, i) => next + i)] });
    put(entries);
  };
  return {
    keys,
    set: (i: number, entry: T) => { write(list.map((one, at) => (at === i ? entry : one)), keys); },
    add: (entries: T[]) => { write([...list, ...entries], keys, entries.length); },
    remove: (i: number) => { write(list.filter((_, at) => at !== i), keys.filter((_, at) => at !== i)); },
    move: (from: number, to: number) => { write(moved(list, from, to), moved(keys, from, to)); },
  };
}

function moved<T>(list: T[], from: number, to: number): T[] {
  const rest = list.filter((_, at) => at !== from);
  return [...rest.slice(0, to), ...list.slice(from, from + 1), ...rest.slice(to)];
}
