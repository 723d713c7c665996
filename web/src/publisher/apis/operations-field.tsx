import { ActionIcon, Button, Group, NativeSelect, Stack, Table, TagsInput, Text, TextInput, VisuallyHidden } from "@mantine/core";
import { memo, useLayoutEffect, useRef, useState, type RefObject } from "react";

import type { Schemas } from "../../api/client";
import type { Draft } from "../../object/draft";
import { textOf } from "../../reference/operations";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { LongListBar, useLongList } from "../../ui/long-list";
import { PasteOperations } from "./paste-operations";
import { useKeyedRows } from "./use-keyed-rows";

type Operation = Schemas["Operation"];

const words = texts.publisher.operations;

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "*"];

/** The row that a new API begins with, to be written over. */
export const placeholder: Operation = { method: "GET", path: "/" };

/** As many operations are drawn at once: each has four fields, and a thousand of them would stop the browser. */
const pageSize = 25;

/** The operations of an API with the scopes that each wants, as a table to write in. */
export function OperationsField({ draft }: { draft: Draft<"apis"> }) {
  const operations = (draft.at("spec", "operations") ?? []) as Operation[];
  const put = (list: Operation[]) => { draft.put(list.length > 0 ? list : undefined, "spec", "operations"); };
  const rows = useKeyedRows(operations, put);
  const begun = operations.filter((o) => o !== placeholder);
  const parts = useLongList(operations, textOf, pageSize);
  const table = useRef<HTMLTableSectionElement>(null);
  // The focus goes where the next thing is done: into a new row, or to what takes the place of one that is gone.
  const focus = (selector: string, line: number) => {
    setTimeout(() => {
      const row = table.current?.rows[Math.min(line, table.current.rows.length - 1)];
      row?.querySelector<HTMLElement>(selector)?.focus();
    });
  };
  const acts: Acts = {
    set: (i, next) => { rows.set(i, next); },
    move: (i, by) => {
      rows.move(i, i + by);
      parts.show(i + by);
      focus(`[data-part="${by < 0 ? "up" : "down"}"]:not(:disabled), [data-part="${by < 0 ? "down" : "up"}"]`, (i + by) % pageSize);
    },
    remove: (i) => {
      rows.remove(i);
      focus('[data-part="path"]', parts.shown.indexOf(i));
    },
  };
  const latest = useRef(acts);
  useLayoutEffect(() => { latest.current = acts; });
  return (
    <Stack gap="xs">
      <LongListBar parts={parts} label={texts.reference.search} />
      <Table.ScrollContainer minWidth={840} type="native">
        <Table layout="fixed" horizontalSpacing="xs" aria-label={texts.publisher.apis.operations}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={128}>{words.method}</Table.Th>
              <Table.Th>{words.path}</Table.Th>
              <Table.Th w="42%">{words.scopes}</Table.Th>
              <Table.Th w={122}>{words.security}</Table.Th>
              <Table.Th w={124}><VisuallyHidden>{words.place}</VisuallyHidden></Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody ref={table}>
            {parts.shown.map((i) => (
              <Row
                key={rows.keys[i]}
                operation={operations[i] ?? { method: "GET", path: "/" }}
                fault={draft.fault("spec", `operations[${i}]`)}
                index={i}
                last={i === operations.length - 1}
                acts={latest}
              />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {draft.fault("spec", "operations") && <Text size="sm" c="red">{draft.fault("spec", "operations")}</Text>}
      <Group>
        <Button
          size="xs"
          variant="light"
          leftSection={<Icon name="plus" size={14} />}
          onClick={() => {
            rows.add([{ method: "GET", path: "/" }]);
            parts.show(operations.length);
            focus('[data-part="path"]', operations.length % pageSize);
          }}
        >
          {words.add}
        </Button>
        <PasteOperations
          there={begun}
          add={(many) => {
            if (begun.length > 0) rows.add(many);
            else put(many);
          }}
        />
      </Group>
    </Stack>
  );
}

/** What the buttons and fields of a row do, by its place among all operations. */
interface Acts {
  set: (i: number, next: Operation) => void;
  move: (i: number, by: number) => void;
  remove: (i: number) => void;
}

interface RowProps {
  operation: Operation;
  fault: string | undefined;
  index: number;
  last: boolean;
  acts: RefObject<Acts>;
}

// Drawn anew only when its own operation changes: with each key that is typed elsewhere, all of them would take long.
const Row = memo(function Row({ operation: o, fault, index, last, acts }: RowProps) {
  const set = (next: Operation) => { acts.current.set(index, next); };
  return (
    <Table.Tr>
      <Table.Td>
        <NativeSelect aria-label={words.method} data={methods} value={o.method} onChange={(event) => { set({ ...o, method: event.currentTarget.value }); }} />
      </Table.Td>
      <Table.Td>
        <TextInput
          aria-label={words.path}
          value={o.path}
          error={fault}
          onChange={(event) => { set({ ...o, path: event.currentTarget.value }); }}
          data-part="path"
          spellCheck={false}
        />
      </Table.Td>
      <Table.Td>
        <Scopes operation={o} change={set} />
      </Table.Td>
      <Table.Td>
        <NativeSelect
          aria-label={words.security}
          data={[{ value: "", label: words.token }, { value: "none", label: words.open }]}
          value={o.security ?? ""}
          onChange={(event) => { set(secured(o, event.currentTarget.value === "none")); }}
        />
      </Table.Td>
      <Table.Td>
        <RowButtons
          name={`${o.method} ${o.path}`}
          first={index === 0}
          last={last}
          move={(by) => { acts.current.move(index, by); }}
          remove={() => { acts.current.remove(index); }}
        />
      </Table.Td>
    </Table.Tr>
  );
});

interface ButtonProps {
  name: string;
  first: boolean;
  last: boolean;
  move: (by: number) => void;
  remove: () => void;
}

function RowButtons({ name, first, last, move, remove }: ButtonProps) {
  return (
    <Group gap={2} wrap="nowrap">
      <ActionIcon variant="subtle" color="gray" data-part="up" aria-label={words.up(name)} disabled={first} onClick={() => { move(-1); }}>
        <Icon name="up" size={16} />
      </ActionIcon>
      <ActionIcon variant="subtle" color="gray" data-part="down" aria-label={words.down(name)} disabled={last} onClick={() => { move(1); }}>
        <Icon name="down" size={16} />
      </ActionIcon>
      <ActionIcon variant="subtle" color="red" aria-label={texts.editor.remove(name)} onClick={remove}>
        <Icon name="trash" size={16} />
      </ActionIcon>
    </Group>
  );
}

// The scopes of an operation, any or every one of which a token needs. Where both are declared, each has a line.
function Scopes({ operation: o, change }: { operation: Operation; change: (next: Operation) => void }) {
  const scopes = o.scopes ?? [];
  const allOf = o.allOf ?? [];
  const { method, path, security } = o;
  const set = (any: string[], every: string[]) => {
    change({ method, path, ...(security && { security }), ...(any.length > 0 && { scopes: any }), ...(every.length > 0 && { allOf: every }) });
  };
  const both = scopes.length > 0 && allOf.length > 0;
  const [every, setEvery] = useState(allOf.length > 0);
  const line = (all: boolean) => (
    <TagsInput
      aria-label={both ? (all ? words.everyScope : words.anyScope) : words.scopes}
      value={all ? allOf : scopes}
      disabled={o.security === "none"}
      styles={{ inputField: { minWidth: 32 } }}
      onChange={(typed) => { if (all) set(scopes, typed); else set(typed, allOf); }}
      flex={1}
    />
  );
  if (both) return <Stack gap={4}>{line(false)}{line(true)}</Stack>;
  return (
    <Group gap={4} wrap="nowrap" align="flex-start">
      <NativeSelect
        aria-label={words.howMany}
        data={[{ value: "any", label: words.anyOf }, { value: "every", label: words.everyOf }]}
        value={every ? "every" : "any"}
        disabled={o.security === "none"}
        w={92}
        onChange={(event) => {
          const how = event.currentTarget.value;
          const named = [...scopes, ...allOf];
          setEvery(how === "every");
          set(how === "every" ? [] : named, how === "every" ? named : []);
        }}
      />
      {line(every)}
    </Group>
  );
}

function secured(o: Operation, open: boolean): Operation {
  const { method, path, scopes, allOf } = o;
  return open ? { method, path, security: "none" } : { method, path, ...(scopes && { scopes }), ...(allOf && { allOf }) };
}
