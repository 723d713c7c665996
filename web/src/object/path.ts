/** Whether a value has members by name: a mapping, no list. */
export function isMembers(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same members without one of them. */
export function without<T extends object>(members: T, name: keyof T & string): T {
  return Object.fromEntries(Object.entries(members).filter(([there]) => there !== name)) as T;
}

/** A value somewhere in a manifest; undefined where there is none. The path is of member names: ["spec", "issuer"]. */
export function valueAt(root: unknown, path: readonly string[]): unknown {
  let at: unknown = root;
  for (const step of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

/**
 * The same manifest with another value at the path. undefined takes the member away, and what became empty above it, but
 * for the manifest's own parts.
 */
export function withValue<T>(root: T, path: readonly string[], value: unknown, depth = 0): T {
  const [step, ...rest] = path;
  if (step === undefined) return value as T;
  const old: Record<string, unknown> = isMembers(root) ? root : {};
  const below = rest.length === 0 ? value : withValue(old[step], rest, value, depth + 1);
  if (below !== undefined && (depth === 0 || !isEmptied(below, rest))) return { ...old, [step]: below } as T; // in its place
  return without(old, step) as T;
}

function isEmptied(below: unknown, rest: readonly string[]): boolean {
  return rest.length > 0 && typeof below === "object" && below !== null && Object.keys(below).length === 0;
}
