import type { Noun, Nouns } from "../api/objects";
import { isMembers, valueAt, withValue } from "./path";
import { strayKey, withoutPrivate } from "./private";

// The parts of a spec that have secrets, each with its members that are none. Everything else in them counts as one: which of a
// connection's fields are secret depends on its type, and a name may be misspelt.
const outbound = ["proxy", "proxyUser", "ca", "certificate", "timeout", "maxAnswer"];
const parts: Partial<Record<Noun, Record<string, string[]>>> = {
  "key-managers": {
    connection: ["ref"],
    outbound,
    introspection: ["clientId", "method", "certificate", "scope", "cache"],
    signIn: ["enabled", "clientId", "ownCallback", "method", "roles", "scopes", "userinfo", "lifetime"],
  },
  connections: { connection: [], outbound },
  users: { password: [] },
};

/** Where a private key stands in a manifest that has no place for it; undefined where there is none, or where nouns have no secrets. */
export function misplacedKey(noun: Noun, object: unknown): (string | number)[] | undefined {
  const of = parts[noun];
  const secret = ([root, part, member]: (string | number)[]) => {
    const open = root === "spec" && part !== undefined ? of?.[part] : undefined;
    return open !== undefined && (member === undefined ? open.length === 0 : !open.includes(String(member)));
  };
  return of && strayKey(object, secret);
}

/**
 * The object without what was typed where secrets go, and without private keys and what is called a secret that were typed where
 * they do not; what is stored there already stays, as the server shows it.
 */
export function withoutTyped<N extends Noun>(noun: N, object: Nouns[N], stored: Nouns[N]): Nouns[N] {
  const of = parts[noun];
  if (of === undefined) return object;
  const bare = Object.entries(of).reduce((kept, [part, open]) => {
    const value = valueAt(kept, ["spec", part]);
    return value === undefined ? kept : withValue(kept, ["spec", part], known(value, valueAt(stored, ["spec", part]), open));
  }, object);
  return withoutCalled(withoutPrivate(bare), stored) as Nouns[N];
}

// What stands for a stored secret, and has nothing of it.
const isMarker = (value: object) => ['{"stored":true}', '{"stored":"next"}'].includes(JSON.stringify(value));

// As much of a value as is in the stored one too, with its open members.
function known(value: unknown, stored: unknown, open: readonly string[] = []): unknown {
  if (typeof value === "string") return value === stored ? value : undefined;
  if (!isMembers(value) || isMarker(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, v]) => [name, open.includes(name) ? v : known(v, valueAt(stored, [name]))] as const)
      .filter(([, v]) => v !== undefined),
  );
}

// A name that says what is in it: in a place that there is not, too.
const called = /secret|passw|[a-z]Token$/i;

function withoutCalled(value: unknown, stored: unknown): unknown {
  if (Array.isArray(value)) return value.map((one, i) => withoutCalled(one, valueAt(stored, [String(i)])));
  if (!isMembers(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, v]) => {
    const before = valueAt(stored, [name]);
    return typeof v === "string" && called.test(name) && v !== before ? [] : [[name, withoutCalled(v, before)]];
  }));
}
