import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { useState } from "react";

import type { Noun } from "../api/objects";
import { texts } from "../texts";
import { around, isFixed, Shown, type Field } from "./fields";
import { valueAt } from "./path";

const words = texts.editor;

/**
 * A secret. What is stored is never shown; it stays until something else is typed. Where a manifest set owns the object its
 * manifest says where the secret comes from, and none is typed here.
 */
export function SecretField<N extends Noun>(field: Field<N>) {
  const { draft, path } = field;
  const value = draft.at(...path);
  const [stored] = useState(() => valueAt(value, ["stored"]) === true);
  if (isFixed(field) || draft.manifestSet !== undefined) return <Shown label={field.label}>{stored && words.isStored}</Shown>;
  return (
    <PasswordInput
      {...around(field)}
      placeholder={stored ? words.stored : ""}
      value={typeof value === "string" ? value : ""}
      onChange={(event) => {
        draft.put(event.currentTarget.value || (stored ? { stored: true } : undefined), ...path);
      }}
      autoComplete="new-password"
      spellCheck={false}
    />
  );
}

/**
 * A secret that can have a next value beside the current one while it is changed at the server. Whoever sends it tries the
 * current one first.
 */
export function CredentialField<N extends Noun>(field: Field<N>) {
  const { draft, path, label } = field;
  const value = draft.at(...path);
  const current = valueAt(value, ["current"]);
  const given = current ?? value;
  const may = !isFixed(field) && draft.manifestSet === undefined;
  if (current === undefined) {
    return (
      <Stack gap={4}>
        <SecretField {...field} />
        {may && given !== undefined && (
          <Group>
            <Button size="compact-xs" variant="subtle" onClick={() => { draft.put({ current: given }, ...path); }}>{words.addNext}</Button>
          </Group>
        )}
      </Stack>
    );
  }
  return (
    <Stack gap={4}>
      <SecretField {...field} path={[...path, "current"]} label={words.current(label)} />
      <SecretField draft={draft} path={[...path, "next"]} label={words.next(label)} help={words.nextHelp} />
      {may && (
        <Group>
          <Button size="compact-xs" variant="subtle" onClick={() => { draft.put(current, ...path); }}>{words.dropNext}</Button>
        </Group>
      )}
    </Stack>
  );
}
