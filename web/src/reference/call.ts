import type { Schemas } from "../api/client";
import { texts } from "../texts";
import type { Described } from "./document";
import type { Operation } from "./operations";

/** A part of a call that its caller fills in. */
export interface Place {
  name: string;
  in: string;
  required: boolean;
  help: string;
}

/** What tells a place of a call from the others, such as "header X-Request-Id". */
export const keyOf = ({ in: where, name }: Pick<Place, "in" | "name">) => `${where} ${name}`;

/** What was typed for a call; values are by the key of their place. */
interface Typed {
  values: Record<string, string>;
  query: string;
  lines: string;
  body: string;
  type: string | undefined;
}

/** The parts of an operation's path that vary, and the parameters that its document names beside them. */
export function placesOf(operation: Operation, described: Described | undefined): Place[] {
  const told = (described?.parameters ?? []).filter((p) => p.in === "query" || p.in === "header");
  const inPath = [...operation.path.matchAll(/\{([^}]+)\}/g)].map((found) => found[1] ?? "");
  const rest = operation.path.endsWith("/**") ? ["**"] : [];
  const help = (name: string) => name === "**" ? texts.reference.tryout.rest : described?.parameters.find((p) => p.in === "path" && p.name === name)?.description ?? "";
  return [
    ...[...inPath, ...rest].map((name) => ({ name, in: "path", required: true, help: help(name) })),
    ...told.map((p) => ({ name: p.name, in: p.in, required: p.required, help: p.description })),
  ];
}

/** Header fields out of lines, and the first line that is none. */
export function fieldsOf(lines: string): { fields: Schemas["HeaderField"][]; wrong?: string } {
  const fields: Schemas["HeaderField"][] = [];
  for (const line of lines.split("\n").map((l) => l.trim()).filter(Boolean)) {
    const at = line.indexOf(":");
    if (at < 1) return { fields, wrong: line };
    fields.push({ name: line.slice(0, at).trim(), value: line.slice(at + 1).trim() });
  }
  return { fields };
}

/** The call as the server takes it. Values are encoded; what is after ** may have slashes. */
export function callOf(operation: Operation, typed: Typed, described: Described | undefined): Schemas["TryBody"] {
  const value = (where: string, name: string) => typed.values[keyOf({ in: where, name })] ?? "";
  const path = operation.path
    .replaceAll(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(value("path", name)))
    .replace(/\*\*$/, () => value("path", "**").split("/").map(encodeURIComponent).join("/"));
  const query = new URLSearchParams(typed.query);
  const { fields } = fieldsOf(typed.lines);
  for (const p of described?.parameters ?? []) {
    const given = value(p.in, p.name);
    if (given && p.in === "query") query.set(p.name, given);
    if (given && p.in === "header") fields.push({ name: p.name, value: given });
  }
  const told = fields.some((f) => f.name.toLowerCase() === "content-type");
  if (typed.body && !told) fields.push({ name: "Content-Type", value: typed.type ?? "application/json" });
  return {
    method: operation.method === "*" ? "GET" : operation.method,
    path: query.size > 0 ? `${path}?${query.toString()}` : path,
    ...(fields.length > 0 && { fields }),
    ...(typed.body && { body: typed.body }),
  };
}
