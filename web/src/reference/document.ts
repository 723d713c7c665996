import { parse } from "yaml";

import { isMembers } from "../object/path";

/** A schema as a document writes it, with what it refers to put in its place where that is asked for. */
export type Schema = Readonly<Record<string, unknown>>;

/** A member of a schema, with those of its own. */
export interface Member {
  name: string;
  schema: Schema;
  required: boolean;
  members: Member[];
}

export interface Parameter {
  name: string;
  in: string;
  required: boolean;
  description: string;
  schema: Schema | undefined;
}

export interface Content {
  type: string;
  schema: Schema | undefined;
  /** The document's own example, or one made from the schema. */
  example: string;
}

export interface Answer {
  status: string;
  description: string;
  content: Content | undefined;
}

/** What an OpenAPI document says to people about one operation. */
export interface Described {
  summary: string;
  description: string;
  deprecated: boolean;
  parameters: Parameter[];
  body: Content | undefined;
  bodyRequired: boolean;
  answers: Answer[];
}

type Members = Record<string, unknown>;

const formats = new Map([["date-time", "2026-01-31T12:00:00Z"], ["date", "2026-01-31"], ["uuid", "00000000-0000-4000-8000-000000000000"]]);

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** How deep a schema is followed: one may contain itself. */
const deepest = 6;

/** How many values an example has, and a schema members: of schemas that contain each other there would be millions. */
const most = 300;

/** A document that is read for people; the server has judged it before. What is not there is left out, never guessed. */
export class Reference {
  private readonly root: Members;
  private made = 0; // values of the example that is being made

  constructor(document: string) {
    let root: unknown;
    try {
      root = parse(document, { merge: true });
    } catch {
      root = undefined; // the operations stand for themselves then
    }
    this.root = isMembers(root) ? root : {};
  }

  get description(): string {
    return text(this.members(this.root["info"])["description"]);
  }

  /** The addresses that the document names as its servers: what an upstream may be. */
  get servers(): string[] {
    return list(this.root["servers"]).map((s) => this.server(this.members(s))).filter((url) => /^https?:\/\//.test(url));
  }

  // An address, with what its variables are where nobody chooses.
  private server(said: Members): string {
    const variables = this.members(said["variables"]);
    return text(said["url"]).replaceAll(/\{([^{}]*)\}/g, (whole, name: string) => text(this.members(variables[name])["default"]) || whole);
  }

  get title(): string {
    return text(this.members(this.root["info"])["title"]);
  }

  /** The version of what the document describes. People leave out the quotes, and YAML then reads a number. */
  get version(): string {
    const said = this.members(this.root["info"])["version"];
    return typeof said === "number" ? String(said) : text(said);
  }

  /** One operation; undefined where the document has none of that method and path. */
  operation(method: string, path: string): Described | undefined {
    const written = this.members(this.root["paths"])[path];
    const item = { ...this.members(written), ...(isMembers(written) && written) }; // beside what it refers to it may have more
    const own = item[method.toLowerCase()];
    if (!isMembers(own)) return undefined;
    const body = this.members(own["requestBody"]);
    return {
      summary: text(own["summary"]) || text(item["summary"]),
      description: text(own["description"]) || text(item["description"]),
      deprecated: own["deprecated"] === true,
      parameters: this.parameters(item, own),
      body: this.content(body),
      bodyRequired: body["required"] === true,
      answers: Object.entries(this.members(own["responses"])).map(([status, said]) => {
        const answer = this.members(said);
        return { status, description: text(answer["description"]), content: this.content(answer) };
      }),
    };
  }

  /** The members of a schema, with those of what it is made of. */
  properties(schema: Schema | undefined): { name: string; schema: Schema; required: boolean }[] {
    const whole = this.members(schema);
    const parts = [whole, ...list(whole["allOf"]).map((part) => this.members(part))];
    const required = new Set(parts.flatMap((part) => list(part["required"])));
    return parts.flatMap((part) =>
      Object.entries(this.members(part["properties"])).map(([name, of]) => ({ name, schema: this.members(of), required: required.has(name) })),
    );
  }

  /** The members of a schema with those below them, the upper ones first where there are too many. One that contains itself is there once. */
  tree(schema: Schema): Member[] {
    const top: Member[] = [];
    const open: { schema: Schema; within: Schema[]; into: Member[] }[] = [{ schema, within: [], into: top }];
    let made = 0;
    for (const at of open) {
      const own = this.inside(at.schema);
      if (at.within.includes(own) || at.within.length > deepest) continue;
      for (const p of this.properties(own)) {
        if (++made > most) return top;
        const member = { ...p, members: [] };
        at.into.push(member);
        open.push({ schema: p.schema, within: [...at.within, own], into: member.members });
      }
    }
    return top;
  }

  /** The schema of what is in a list, or of an alternative; the schema itself where it is neither. */
  inside(schema: Schema): Schema {
    const whole = this.members(schema);
    return whole["type"] === "array" ? this.members(whole["items"]) : whole;
  }

  /** A value that fits the schema. within are the schemas around it: one that contains itself is shown once. */
  example(schema: Schema | undefined, within: Schema[] = []): unknown {
    this.made = within.length === 0 ? 1 : this.made + 1;
    const whole = this.members(schema);
    const given = [whole["example"], list(whole["examples"])[0], whole["default"], whole["const"], list(whole["enum"])[0]];
    const first = given.find((value) => value !== undefined);
    if (first !== undefined || within.includes(whole) || within.length > deepest || this.made > most) return first ?? null;
    const inside = [...within, whole];
    const choice = list(whole["oneOf"])[0] ?? list(whole["anyOf"])[0];
    if (choice !== undefined) return this.example(this.members(choice), inside);
    const properties = this.properties(whole);
    if (properties.length > 0) {
      const fitting = properties.filter((p) => !inside.includes(this.inside(p.schema)));
      return Object.fromEntries(fitting.map((p) => [p.name, this.example(p.schema, inside)]));
    }
    return this.plain(whole, inside);
  }

  private plain(schema: Members, within: Schema[]): unknown {
    const type = Array.isArray(schema["type"]) ? (schema["type"] as unknown[])[0] : schema["type"];
    switch (type) {
      case "array":
        return [this.example(this.members(schema["items"]), within)];
      case "object":
        return {};
      case "integer":
      case "number":
        return typeof schema["minimum"] === "number" ? schema["minimum"] : 0;
      case "boolean":
        return true;
      default:
        return formats.get(text(schema["format"])) ?? "text";
    }
  }

  private parameters(item: Members, own: Members): Parameter[] {
    const found = new Map<string, Parameter>();
    for (const said of [...list(item["parameters"]), ...list(own["parameters"])]) {
      const p = this.members(said);
      const schema = p["schema"] ?? this.members(Object.values(this.members(p["content"]))[0])["schema"];
      const parameter = {
        name: text(p["name"]),
        in: text(p["in"]),
        required: p["required"] === true,
        description: text(p["description"]),
        schema: schema === undefined ? undefined : this.members(schema),
      };
      found.set(`${parameter.in} ${parameter.name}`, parameter);
    }
    return [...found.values()];
  }

  private content(of: Members): Content | undefined {
    const kinds = Object.entries(this.members(of["content"]));
    const chosen = kinds.find(([type]) => type.includes("json")) ?? kinds[0];
    if (!chosen) return undefined;
    const media = this.members(chosen[1]);
    const schema = media["schema"] === undefined ? undefined : this.members(media["schema"]);
    const named = this.members(Object.values(this.members(media["examples"]))[0])["value"];
    const value = media["example"] ?? named ?? this.example(schema);
    return { type: chosen[0], schema, example: typeof value === "string" ? value : json(value, 2) };
  }

  // The members of a value; of what it refers to in this document, where it does. Other documents are never looked at.
  private members(value: unknown): Members {
    let at = value;
    for (let i = 0; i < deepest && isMembers(at) && typeof at["$ref"] === "string"; i++) at = this.at(at["$ref"]);
    return isMembers(at) ? at : {};
  }

  private at(ref: string): unknown {
    if (!ref.startsWith("#/")) return undefined;
    return ref
      .slice(2)
      .split("/")
      .map((part) => decoded(part).replaceAll("~1", "/").replaceAll("~0", "~"))
      .reduce<unknown>((at, part) => (isMembers(at) && Object.hasOwn(at, part) ? at[part] : undefined), this.root);
  }
}

// What a part of a reference means; one that is no good encoding means itself.
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// A value as JSON; one that contains itself by a YAML alias has none.
function json(value: unknown, indent = 0): string {
  try {
    return JSON.stringify(value, null, indent);
  } catch {
    return "null";
  }
}

/** The type of a schema in a word or two. */
export function typeName(schema: Schema | undefined): string {
  const type = schema?.["type"];
  const word = Array.isArray(type) ? type.join(" or ") : text(type);
  const format = text(schema?.["format"]);
  const values = list(schema?.["enum"]);
  if (values.length > 0) return values.map((v) => json(v)).join(" | ");
  if (word === "array") return "list";
  return [word || (schema?.["properties"] ? "object" : ""), format && `(${format})`].filter(Boolean).join(" ");
}
