import { TextInput } from "@mantine/core";

import { texts } from "../texts";
import { isMembers } from "./path";

type Text = { label: string; value: string | undefined; fixed: boolean; fault?: string | undefined; placeholder?: string; change: (typed: string) => void };

/** A short text in a row. */
export function Cell({ label, value, fixed, fault, placeholder, change }: Text) {
  return (
    <TextInput
      aria-label={label}
      value={value ?? ""}
      disabled={fixed}
      error={fault}
      {...(placeholder !== undefined && { placeholder })}
      onChange={(event) => { change(event.currentTarget.value); }}
      spellCheck={false}
    />
  );
}

/** A member of a mapping, while it is typed. */
export type Member = [name: string, value: unknown];

export const membersOf = (value: unknown): Member[] => (isMembers(value) ? Object.entries(value) : []);

/** The mapping that the rows make: the first of a name counts, and one that has none is in no manifest. */
export function asMembers(rows: Member[]): Record<string, unknown> | undefined {
  const named = rows.filter(([name], i) => name !== "" && rows.findIndex((r) => r[0] === name) === i);
  return named.length > 0 ? Object.fromEntries(named) : undefined;
}

/** Why a row is not in the mapping. */
export const lacks = (rows: Member[], at: number): string | undefined =>
  rows[at]?.[0] === "" && rows[at][1] !== ""
    ? texts.editor.noName
    : rows.findIndex((r) => r[0] === rows[at]?.[0]) < at && rows[at]?.[0] !== "" ? texts.editor.twice : undefined;
