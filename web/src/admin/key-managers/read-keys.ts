import { LineCounter, parseDocument, isMap, isNode, isSeq, type Node } from "yaml";

import type { Schemas } from "../../api/client";
import { isMembers } from "../../object/path";
import { texts } from "../../texts";
import { keyInPEM } from "./read-pem";

const words = texts.admin.pastedKeys;

/** A key that was found in what somebody pasted. */
export interface FoundKey {
  kid: string | undefined;
  /** Its type with what tells how strong it is: "RSA, 2048 bits". */
  type: string;
  /** The algorithm that it names itself. */
  alg?: string | undefined;
  /** It is there for something else than signatures, such as encryption, and is left out. */
  otherUse?: boolean;
}

/** What was read: the keys of the manifest that the text stands for, what was found in it, and what is wrong where. */
export interface ReadKeys {
  value: Pick<Schemas["KeySource"], "pem" | "jwksInline">;
  keys: FoundKey[];
  faults: { line: number; message: string }[];
}

/**
 * Reads public keys as people have them: PEM blocks one after the other, a JWK set (RFC 7517), or one JWK, which becomes a set.
 * What cannot be read stands in the value as it is, which the server refuses, so that nothing is saved without it.
 */
export function readKeys(text: string): ReadKeys {
  if (text.trim() === "") return { value: {}, keys: [], faults: [] };
  return text.includes("-----") ? readPEM(text) : readSet(text);
}

/** The text that stands for keys of a manifest. */
export function writtenKeys({ pem, jwksInline }: ReadKeys["value"]): string {
  if (Array.isArray(pem)) return pem.map((one) => one.trimEnd()).join("\n");
  return jwksInline === undefined ? "" : typeof jwksInline === "string" ? jwksInline : JSON.stringify(jwksInline, null, 2);
}

const border = /^\s*-----(BEGIN|END) ([A-Z0-9 ]+)-----\s*$/;

function readPEM(text: string): ReadKeys {
  const read: ReadKeys & { value: { pem: string[] } } = { value: { pem: [] }, keys: [], faults: [] };
  const fault = (at: number, message: string) => { read.faults.push({ line: at + 1, message }); };
  const lines = text.split(/\r?\n/);
  let begun: { at: number; label: string } | undefined;
  for (const [at, line] of lines.entries()) {
    const [, which, label = ""] = border.exec(line) ?? [];
    if (which === undefined && line.includes("-----")) fault(at, words.noBorder);
    if (which === "BEGIN") {
      if (begun) fault(begun.at, words.noEnd);
      begun = { at, label };
    } else if (which === "END") {
      if (begun?.label === label) {
        read.value.pem.push(`${lines.slice(begun.at, at + 1).map((l) => l.trim()).join("\n")}\n`);
        const key = keyInPEM(label, lines.slice(begun.at + 1, at).join(""));
        if (typeof key === "string") fault(begun.at, key);
        else read.keys.push({ ...key, kid: undefined });
      } else {
        fault(at, words.noBegin);
      }
      begun = undefined;
    }
  }
  if (begun) fault(begun.at, words.noEnd);
  return read.faults.length > 0 ? { ...read, value: { pem: [text] } } : read;
}

function readSet(text: string): ReadKeys {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  const lineOf = (node: unknown) => (isNode(node) && node.range ? counter.linePos(node.range[0]).line : 1);
  const [wrong] = document.errors;
  const refuse = (line: number, message: string): ReadKeys => ({ value: { jwksInline: text }, keys: [], faults: [{ line, message }] });
  if (wrong) return refuse(wrong.linePos?.[0].line ?? 1, words.unreadable(wrong.message.split(" at line ")[0] ?? ""));
  const top = document.contents;
  const single = isMap(top) && top.has("kty");
  const list: unknown = single ? top : isSeq(top) ? top : isMap(top) ? top.get("keys", true) : undefined;
  if (!single && !isSeq(list)) return refuse(lineOf(top), words.noSet);
  const nodes = single ? [top as Node] : isSeq(list) ? list.items : [];
  const plain = document.toJS() as unknown;
  const found = nodes.map((node) => keyOf(isNode(node) ? node.toJS(document) : undefined, lineOf(node)));
  return {
    value: { jwksInline: isMap(top) && !single ? plain : { keys: single ? [plain] : plain } },
    keys: found.filter((one) => "type" in one),
    faults: [...found.filter((one) => "message" in one), ...(nodes.length === 0 ? [{ line: 1, message: words.empty }] : [])],
  };
}

// How long a modulus is, as far as its text tells: a byte of zeros before it does not count.
const bitsOf = (base64url: string) => Math.floor((base64url.replace(/^AA?A?/, "").length * 6) / 8) * 8;

// What is wrong with a key in any set; whether it is strong enough, and its point on its curve, the server looks at.
function keyOf(key: unknown, line: number): FoundKey | { line: number; message: string } {
  if (!isMembers(key)) return { line, message: words.noKey };
  const text = (name: string) => (typeof key[name] === "string" ? key[name] : undefined);
  const lacks = (...members: string[]) => members.filter((name) => !text(name));
  const needed: Record<string, string[]> = { RSA: ["n", "e"], EC: ["crv", "x", "y"], OKP: ["crv", "x"] };
  const kty = text("kty") ?? "";
  const missing = lacks(...(needed[kty] ?? []));
  if (!(kty in needed)) return { line, message: words.noType(text("kid"), kty) };
  if (missing.length > 0) return { line, message: words.lacks(text("kid"), missing.join(", ")) };
  const size = kty === "RSA" ? words.bits(bitsOf(text("n") ?? "")) : (text("crv") ?? "");
  const ops = key.key_ops;
  const otherUse = (text("use") ?? "sig") !== "sig" || (Array.isArray(ops) && !ops.includes("verify"));
  return { kid: text("kid"), type: `${kty}, ${size}`, alg: text("alg"), ...(otherUse && { otherUse }) };
}
