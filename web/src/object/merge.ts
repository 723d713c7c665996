import { isMembers, without } from "./path";

/** A place where two people wrote different things. */
export interface Clash {
  path: string[];
  theirs: unknown;
  mine: unknown;
}

/** Both versions in one: what one of them changed is as they wrote it. Where both did, it is as in theirs, and a clash. */
interface Merged {
  value: unknown;
  clashes: Clash[];
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** Brings two changes of one value together. */
export function merge(base: unknown, theirs: unknown, mine: unknown, path: string[] = []): Merged {
  if (same(base, mine) || same(theirs, mine)) return { value: theirs, clashes: [] };
  if (same(base, theirs)) return { value: mine, clashes: [] };
  if (isMembers(theirs) && isMembers(mine)) return mergeMembers(isMembers(base) ? base : {}, theirs, mine, path);
  const keyed = keysOf(base ?? [], theirs, mine);
  if (keyed) return mergeLists(keyed, path);
  return { value: theirs, clashes: [{ path, theirs, mine }] };
}

function mergeMembers(base: Record<string, unknown>, theirs: Record<string, unknown>, mine: Record<string, unknown>, path: string[]): Merged {
  const value: Record<string, unknown> = {};
  const clashes: Clash[] = [];
  for (const name of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const merged = merge(base[name], theirs[name], mine[name], [...path, name]);
    if (merged.value !== undefined) value[name] = merged.value;
    clashes.push(...merged.clashes);
  }
  return { value, clashes };
}

type Keyed = Map<string, unknown>;

// What tells an entry of a list from the others: itself, if it is a text; an operation's place; a name.
function keyOf(entry: unknown): string | undefined {
  if (typeof entry === "string") return entry;
  if (!isMembers(entry)) return undefined;
  if (typeof entry.method === "string" && typeof entry.path === "string") return `${entry.method} ${entry.path}`;
  return typeof entry.name === "string" ? entry.name : undefined;
}

function keyed(list: unknown): Keyed | undefined {
  if (!Array.isArray(list)) return undefined;
  const entries = list.map((entry: unknown) => [keyOf(entry), entry] as const);
  const map = new Map(entries.flatMap(([key, entry]) => (key === undefined ? [] : [[key, entry] as const])));
  return map.size === list.length ? map : undefined;
}

// Lists are merged where each of their entries has a key of its own.
function keysOf(...lists: [base: unknown, theirs: unknown, mine: unknown]): [Keyed, Keyed, Keyed] | undefined {
  const [base, theirs, mine] = lists.map(keyed);
  return base && theirs && mine ? [base, theirs, mine] : undefined;
}

// In their order; what I added comes after.
function mergeLists([base, theirs, mine]: [Keyed, Keyed, Keyed], path: string[]): Merged {
  const value: unknown[] = [];
  const clashes: Clash[] = [];
  for (const key of new Set([...theirs.keys(), ...mine.keys()])) {
    const merged = merge(base.get(key), theirs.get(key), mine.get(key), [...path, `[${key}]`]);
    if (merged.value !== undefined) value.push(merged.value);
    clashes.push(...merged.clashes);
  }
  return { value, clashes };
}

/** The same with my version at the clashes that the set names, by their place in clashes. */
export function decided(merged: Merged, mine: ReadonlySet<number>): unknown {
  return merged.clashes.reduce((value, clash, i) => (mine.has(i) ? put(value, clash.path, clash.mine) : value), merged.value);
}

function put(root: unknown, [step, ...rest]: string[], value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(root)) {
    const key = step.slice(1, -1);
    const known = root.some((entry) => keyOf(entry) === key);
    const list: unknown[] = known ? root : [...(root as unknown[]), undefined];
    return list
      .map((entry) => (entry === undefined || keyOf(entry) === key ? put(entry, rest, value) : entry))
      .filter((entry) => entry !== undefined);
  }
  const next: Record<string, unknown> = { ...(isMembers(root) ? root : {}) };
  const below = put(next[step], rest, value);
  if (below === undefined) return without(next, step);
  next[step] = below;
  return next;
}
