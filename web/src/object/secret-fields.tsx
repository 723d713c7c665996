import { Button, Group, Input, Stack, Text } from "@mantine/core";
import { useState, type ChangeEvent } from "react";

import type { Noun } from "../api/objects";
import { texts } from "../texts";
import { CodeArea } from "../ui/code-area";
import { SecretInput } from "../ui/secret-input";
import { around, isFixed, labelOf, Shown, type Field } from "./fields";
import { valueAt } from "./path";

const words = texts.editor;

interface Secret<N extends Noun> extends Field<N> {
  /** It has several lines, such as PEM: an input of one line would take their ends away. */
  lines?: boolean | undefined;
}

/**
 * A secret. What is stored is never shown; it stays until something else is typed. Where a manifest set owns the object its
 * manifest says where the secret comes from, and none is typed here.
 */
export function SecretField<N extends Noun>({ lines = false, ...field }: Secret<N>) {
  const { draft, path } = field;
  const value = draft.at(...path);
  const [before] = useState(() => (isStored(value) ? value : undefined));
  if (isFixed(field) || draft.manifestSet !== undefined) return <Shown label={labelOf(field)}>{before !== undefined && words.isStored}</Shown>;
  const input = {
    ...around(field),
    placeholder: before === undefined ? "" : isPromoted(before) ? words.promoted : words.stored,
    value: typeof value === "string" ? value : "",
    onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => {
      draft.put(event.currentTarget.value || before, ...path);
    },
  };
  if (lines) return <CodeArea {...input} secret minRows={2} maxRows={8} />;
  return <SecretInput {...input} autoComplete="new-password" spellCheck={false} />;
}

/**
 * A secret that can have a next value beside the current one while it is changed at the server. Whoever sends it tries the
 * current one first, until the next one is put in its place: one that is stored, without anybody's typing it again.
 */
export function CredentialField<N extends Noun>(field: Secret<N>) {
  const { draft, path } = field;
  const label = labelOf(field);
  const value = draft.at(...path);
  const current = valueAt(value, ["current"]);
  const next = valueAt(value, ["next"]);
  const may = !isFixed(field) && draft.manifestSet === undefined;
  const put = (then: unknown) => () => { draft.put(then, ...path); };
  if (isPromoted(value)) {
    return (
      <Input.Wrapper {...around(field)} labelElement="div">
        <Text size="sm" role="status">{words.promoted}</Text>
        {may && <Actions actions={[[words.notYet, put({ current: stored, next: stored })]]} />}
      </Input.Wrapper>
    );
  }
  if (current === undefined) {
    return (
      <Stack gap={4}>
        <SecretField {...field} />
        {may && value !== undefined && <Actions actions={[[words.addNext, put({ current: value })]]} />}
      </Stack>
    );
  }
  const told = draft.fault(...path, "current") ?? draft.fault(...path, "next");
  return (
    <Stack gap={4}>
      <SecretField {...field} path={[...path, "current"]} label={words.current(label)} />
      <SecretField draft={draft} lines={field.lines} path={[...path, "next"]} label={words.next(label)} help={words.nextHelp} />
      {told === undefined && draft.fault(...path) !== undefined && <Text size="xs" c="red">{draft.fault(...path)}</Text>}
      {may && (
        <Actions
          actions={[
            ...(next === undefined ? [] : [[words.useNext, put(isStored(next) ? { stored: "next" } : next)] as const]),
            [words.dropNext, put(current)],
          ]}
        />
      )}
    </Stack>
  );
}

const stored = { stored: true };
const isStored = (value: unknown) => valueAt(value, ["stored"]) !== undefined;
const isPromoted = (value: unknown) => valueAt(value, ["stored"]) === "next";

function Actions({ actions }: { actions: readonly (readonly [label: string, run: () => void])[] }) {
  return (
    <Group gap={4}>
      {actions.map(([label, run]) => <Button key={label} size="compact-xs" variant="subtle" onClick={run}>{label}</Button>)}
    </Group>
  );
}
