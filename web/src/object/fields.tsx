import { MultiSelect, NumberInput, PasswordInput, Select, Switch, TagsInput, TextInput } from "@mantine/core";

import { useState } from "react";

import type { Noun } from "../api/objects";
import { texts } from "../texts";
import type { Draft } from "./draft";
import { valueAt } from "./path";

/** What every field of a form has: where in the manifest its value is, and the words around it. */
interface Field<N extends Noun> {
  draft: Draft<N>;
  path: string[];
  label: string;
  help?: string | undefined;
  required?: boolean | undefined;
  disabled?: boolean;
}

// An input's own words, with what the server said about the value.
function around<N extends Noun>({ draft, path, label, help, required, disabled }: Field<N>) {
  return { label, description: help, error: draft.fault(...path), withAsterisk: required === true, disabled: disabled === true };
}

interface TextProps<N extends Noun> extends Field<N> {
  placeholder?: string;
}

export function TextField<N extends Noun>({ placeholder, ...field }: TextProps<N>) {
  const { draft, path } = field;
  const value = draft.at(...path);
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

export function NumberField<N extends Noun>(field: Field<N>) {
  const { draft, path } = field;
  const value = draft.at(...path);
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
export function SwitchField<N extends Noun>({ fallback, ...field }: Field<N> & { fallback: boolean }) {
  const { draft, path } = field;
  const value = draft.at(...path);
  const on = typeof value === "boolean" ? value : fallback;
  return (
    <Switch
      label={field.label}
      description={field.help}
      error={draft.fault(...path)}
      disabled={field.disabled === true}
      checked={on}
      onChange={(event) => { draft.put(event.currentTarget.checked === fallback ? undefined : !fallback, ...path); }}
    />
  );
}

interface Choice<N extends Noun> extends Field<N> {
  options: { value: string; label: string }[] | string[];
}

export function SelectField<N extends Noun>({ options, fallback, ...field }: Choice<N> & { fallback?: string }) {
  const { draft, path } = field;
  const value = draft.at(...path);
  return (
    <Select
      {...around(field)}
      data={options}
      value={typeof value === "string" ? value : (fallback ?? null)}
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
  return (
    <TagsInput
      {...around(field)}
      value={strings(draft.at(...path))}
      onChange={(typed) => { draft.put(typed.length > 0 ? typed : undefined, ...path); }}
      splitChars={[",", " "]}
      acceptValueOnBlur
      clearable
    />
  );
}

/** A secret. What is stored is never shown; it stays until something else is typed. */
export function SecretField<N extends Noun>(field: Field<N>) {
  const { draft, path } = field;
  const value = draft.at(...path);
  const [stored] = useState(() => valueAt(value, ["stored"]) === true);
  return (
    <PasswordInput
      {...around(field)}
      placeholder={stored ? texts.editor.stored : ""}
      value={typeof value === "string" ? value : ""}
      onChange={(event) => {
        draft.put(event.currentTarget.value || (stored ? { stored: true } : undefined), ...path);
      }}
      autoComplete="new-password"
      spellCheck={false}
    />
  );
}
