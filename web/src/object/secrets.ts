import type { Noun, Nouns } from "../api/objects";
import { valueAt, withValue } from "./path";
import { withoutPrivate } from "./private";

// Where secrets are typed. Which of a connection's fields are secret depends on its type, so that all of them count.
const connection = [["spec", "connection"], ["spec", "outbound", "proxyPassword"], ["spec", "outbound", "key"]];
const introspection = ["clientSecret", "key", "token"].map((field) => ["spec", "introspection", field]);
const signIn = ["clientSecret", "key"].map((field) => ["spec", "signIn", field]);
const places: Partial<Record<Noun, string[][]>> = {
  "key-managers": [...connection, ...introspection, ...signIn],
  connections: connection,
  users: [["spec", "password"]],
};

/**
 * The object without what was typed where secrets go, and without private keys that were typed where they do not; what is stored
 * there already stays, as the server shows it.
 */
export function withoutTyped<N extends Noun>(noun: N, object: Nouns[N], stored: Nouns[N]): Nouns[N] {
  const bare = (places[noun] ?? []).reduce((kept, path) => {
    const value = valueAt(kept, path);
    return value === undefined ? kept : withValue(kept, path, known(value, valueAt(stored, path)));
  }, object);
  return noun === "key-managers" ? (withoutPrivate(bare) as Nouns[N]) : bare;
}

// What stands for a stored secret, and has nothing of it.
const isMarker = (value: object) => ['{"stored":true}', '{"stored":"next"}'].includes(JSON.stringify(value));

// As much of a value as is in the stored one too; a name of a Connection is no secret.
function known(value: unknown, stored: unknown): unknown {
  if (typeof value === "string") return value === stored ? value : undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value) || isMarker(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, v]) => [name, name === "ref" ? (v as unknown) : known(v, valueAt(stored, [name]))] as const)
      .filter(([, v]) => v !== undefined),
  );
}
