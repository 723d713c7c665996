import { useState } from "react";
import { parseDocument, stringify } from "yaml";

import type { Noun } from "../api/objects";
import { CodeArea } from "../ui/code-area";
import { around, isFixed, Shown, type Field } from "./fields";

/**
 * A part of a manifest that has parts itself, as YAML. What cannot be read stands in the draft as it was typed: the server
 * refuses it, so that nothing is saved without it.
 */
export function YamlField<N extends Noun>({ example, ...field }: Field<N> & { example: string }) {
  const { draft, path } = field;
  const value = draft.at(...path);
  const [typed, setTyped] = useState(() => written(value));
  const text = same(read(typed).value, value) ? typed : written(value); // somebody else may have changed it since
  if (isFixed(field)) return <Shown label={field.label}>{written(value)}</Shown>;
  const { error, ...words } = around(field);
  return (
    <CodeArea
      {...words}
      error={read(text).fault ?? error}
      placeholder={example}
      value={text}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        draft.put(read(event.currentTarget.value).value, ...path);
      }}
      minRows={2}
      maxRows={16}
    />
  );
}

const written = (value: unknown): string => (value === undefined ? "" : typeof value === "string" ? value : stringify(value, { lineWidth: 0 }));
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

function read(text: string): { value: unknown; fault?: string } {
  if (text.trim() === "") return { value: undefined };
  const document = parseDocument(text);
  const [wrong] = document.errors;
  return wrong ? { value: text, fault: wrong.message } : { value: document.toJS() as unknown };
}
