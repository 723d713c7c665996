import { isMembers } from "./path";

const pem = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;
// The private members of a JWK (RFC 7518, section 6), in JSON and in YAML, also where the rest cannot be read.
const member = /(?:^|[{,\s])(?:"(?:d|p|q|dp|dq|qi|oth|k)"|'(?:d|p|q|dp|dq|qi|oth|k)'|(?:d|p|q|dp|dq|qi|oth|k)(?=\s*:\s))\s*:/;
const names = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** The line, from 1, on which a private or symmetric key begins in what is to be public; undefined where there is none. */
export function privateLine(text: string): number | undefined {
  const at = [pem, ...(/"?kty"?/.test(text) ? [member] : [])].flatMap((of) => of.exec(text) ?? []).map((found) => text.indexOf(found));
  return at.length > 0 ? text.slice(0, Math.min(...at)).split("\n").length : undefined;
}

/** Where in a value the first private or symmetric key is; may says which paths one may stand at. Undefined where there is none. */
export function strayKey(value: unknown, may: (at: (string | number)[]) => boolean, at: (string | number)[] = []): (string | number)[] | undefined {
  if (value === undefined || may(at)) return undefined;
  if (withoutPrivate(value) === undefined) return at;
  const members: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : isMembers(value) ? Object.entries(value) : [];
  return members.map(([name, v]) => strayKey(v, may, [...at, name])).find((found) => found !== undefined);
}

/** The same value without private and symmetric keys, for what is kept outside of memory. */
export function withoutPrivate(value: unknown): unknown {
  if (typeof value === "string") return privateLine(value) === undefined ? value : undefined;
  if (Array.isArray(value)) return value.map(withoutPrivate).filter((one) => one !== undefined);
  if (!isMembers(value)) return value;
  if ("kty" in value && names.some((name) => name in value)) return undefined;
  return Object.fromEntries(Object.entries(value).flatMap(([name, v]) => {
    const kept = withoutPrivate(v);
    return kept === undefined ? [] : [[name, kept]];
  }));
}
