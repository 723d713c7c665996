import { Input, MultiSelect, NumberInput, Select, Switch, TagsInput, Text, TextInput } from "@mantine/core";
import type { ReactNode } from "react";

import type { Noun } from "../api/objects";
import { texts } from "../texts";
import { fieldNamed } from "../texts/fields";
import { WithFieldLinks } from "../ui/field-link";
import type { Draft } from "./draft";
import { PublicArea } from "./public-area";

/** What every field of a form has: where in the manifest its value is, and the words around it. */
export interface Field<N extends Noun> {
  draft: Draft<N>;
  path: string[];
  /** Only of what fields.ts does not name, such as a field that the server describes. */
  label?: string | undefined;
  help?: string | undefined;
  required?: boolean | undefined;
  /** It can only be read, such as the name of what is stored. */
  fixed?: boolean;
}

/** What a field is called. */
export const labelOf = <N extends Noun>({ path, label }: Pick<Field<N>, "path" | "label">) => label ?? fieldNamed(path.join("."))?.label ?? path.join(".");

/** Whether a field only shows what it holds. */
export const isFixed = <N extends Noun>({ draft, fixed }: Field<N>) => fixed === true || draft.fixed;

/** What a field that can only be read holds, as text. */
export function Shown({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Input.Wrapper label={label} labelElement="div">
      <Text size="sm" style={{ overflowWrap: "anywhere" }} {...(!children && { c: "dimmed" })}>{children || texts.editor.notSet}</Text>
    </Input.Wrapper>
  );
}

/** An input's own words, with what the server said about the value, and its path, by which other words lead to it. */
export function around<N extends Noun>(field: Field<N>) {
  const { draft, path, help, required } = field;
  const fault = draft.fault(...path);
  return { label: labelOf(field), description: help, error: fault && <WithFieldLinks text={fault} />, withAsterisk: required === true, ...(required === true && { "aria-required": true }), "data-path": path.join(".") };
}

interface TextProps<N extends Noun> extends Field<N> {
  placeholder?: string | undefined;
}

export function TextField<N extends Noun>({ placeholder, ...field }: TextProps<N>) {
  const { draft, path } = field;
  const value = draft.at(...path);
  if (isFixed(field)) return <Shown label={labelOf(field)}>{typeof value === "string" && value}</Shown>;
  return (
    <TextInput
      {...around(field)}
      {...(placeholder !== undefined && { placeholder })}
      value={typeof value === "string" ? value : ""}
      onChange={(event) => { draft.put(event.currentTarget.value || undefined, ...path); }}
      autoComplete="off"
      spellCheck={false}
    />
  );
}

/** A text of several lines, such as certificates. A private key has no place in one. */
export function TextAreaField<N extends Noun>(field: Field<N>) {
  const { draft, path } = field;
  const value = draft.at(...path);
  if (isFixed(field)) return <Shown label={labelOf(field)}>{typeof value === "string" && value}</Shown>;
  return (
    <PublicArea
      {...around(field)}
      value={typeof value === "string" ? value : ""}
      change={(text) => { draft.put(text || undefined, ...path); }}
      minRows={2}
      maxRows={10}
    />
  );
}

export function NumberField<N extends Noun>(field: Field<N>) {
  const { draft, path } = field;
  const value = draft.at(...path);
  if (isFixed(field)) return <Shown label={labelOf(field)}>{typeof value === "number" && String(value)}</Shown>;
  return (
    <NumberInput
      {...around(field)}
      value={typeof value === "number" ? value : ""}
      onChange={(typed) => { draft.put(typeof typed === "number" ? typed : undefined, ...path); }}
      allowDecimal={false}
    />
  );
}

/** A choice that is on or off. fallback is what a manifest without it means. */
export function SwitchField<N extends Noun>({ fallback, disabled = false, ...field }: Field<N> & { fallback: boolean; disabled?: boolean }) {
  const { draft, path } = field;
  const value = draft.at(...path);
  const on = typeof value === "boolean" ? value : fallback;
  if (isFixed(field)) return <Shown label={labelOf(field)}>{on ? texts.common.yes : texts.common.no}</Shown>;
  return (
    <Switch
      label={labelOf(field)}
      description={field.help}
      error={draft.fault(...path)}
      data-path={path.join(".")}
      checked={on}
      disabled={disabled}
      onChange={(event) => { draft.put(event.currentTarget.checked === fallback ? undefined : !fallback, ...path); }}
    />
  );
}

interface Choice<N extends Noun> extends Field<N> {
  options: { value: string; label: string }[] | string[];
}

export function SelectField<N extends Noun>({ options, fallback, ...field }: Choice<N> & { fallback?: string }) {
  const { draft, path } = field;
  const value = draft.at(...path) ?? fallback;
  if (isFixed(field)) {
    const chosen = options.find((o) => (typeof o === "string" ? o : o.value) === value);
    return <Shown label={labelOf(field)}>{typeof chosen === "object" ? chosen.label : typeof value === "string" && value}</Shown>;
  }
  return (
    <Select
      {...around(field)}
      data={options}
      value={typeof value === "string" ? value : null}
      onChange={(chosen) => { draft.put(chosen === fallback ? undefined : (chosen ?? undefined), ...path); }}
      searchable={options.length > 8}
      allowDeselect={field.required !== true && fallback === undefined}
    />
  );
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((v) => typeof v === "string") : typeof value === "string" ? [value] : [];

/** Several of a list. */
export function ChoicesField<N extends Noun>({ options, ...field }: Choice<N>) {
  const { draft, path } = field;
  if (isFixed(field)) return <Shown label={labelOf(field)}>{strings(draft.at(...path)).join(", ")}</Shown>;
  return (
    <MultiSelect
      {...around(field)}
      data={options}
      value={strings(draft.at(...path))}
      onChange={(chosen) => { draft.put(chosen.length > 0 ? chosen : undefined, ...path); }}
      searchable
      clearable
    />
  );
}

/** A list of short texts, each ended with Enter. */
export function ListField<N extends Noun>(field: Field<N>) {
  const { draft, path } = field;
  if (isFixed(field)) return <Shown label={labelOf(field)}>{strings(draft.at(...path)).join(", ")}</Shown>;
  return (
    <TagsInput
      {...around(field)}
      value={strings(draft.at(...path))}
      onChange={(typed) => { draft.put(typed.length > 0 ? typed : undefined, ...path); }}
      clearable
    />
  );
}
