import { ActionIcon, Button, Group, Stack, Table, Text, VisuallyHidden } from "@mantine/core";
import { useState, type ReactNode } from "react";

import { texts } from "../texts";
import { Icon } from "../ui/icon";

export interface Column<R> {
  title: string;
  width?: number;
  /** What stands in a row's cell; fault is what the server said of the row, in its first cell alone. */
  cell: (row: R, change: (next: R) => void, fault: string | undefined) => ReactNode;
}

export interface Rows<R> {
  /** Where in the manifest they are. */
  path?: string[];
  label: string;
  help?: string;
  columns: Column<R>[];
  rows: R[];
  put: (rows: R[]) => void;
  fixed: boolean;
  add: string;
  /** What a new row begins with. */
  fresh: R;
  /** What a row is called by the button that takes it away. */
  nameOf: (row: R) => string;
  faultOf: (at: number) => string | undefined;
  /** What is wrong with all of them together. */
  fault?: string | undefined;
  minWidth?: number;
}

/** A list of like things in a form: a table to write in. */
export function RowTable<R>({ path, label, help, columns, rows, put, fixed, add, fresh, nameOf, faultOf, fault, minWidth = 480 }: Rows<R>) {
  return (
    <Stack gap="xs" {...(path && { "data-path": path.join("."), "data-label": label, "data-rows": true, tabIndex: -1 })}>
      <Text fw={600} size="sm">{label}</Text>
      {help && <Text size="xs" c="dimmed">{help}</Text>}
      {rows.length > 0 && (
        <Table.ScrollContainer minWidth={minWidth} type="native" tabIndex={0} role="region" aria-label={label}>
          <Table aria-label={label} layout="fixed">
            <Table.Thead>
              <Table.Tr>
                {columns.map(({ title, width }) => <Table.Th key={title} {...(width !== undefined && { w: width })}>{title}</Table.Th>)}
                <Table.Th w={48}><VisuallyHidden>{texts.common.delete}</VisuallyHidden></Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row, i) => (
                <Table.Tr key={i} style={{ verticalAlign: "top" }}>
                  {columns.map(({ title, cell }, at) => (
                    <Table.Td key={title}>
                      {cell(row, (next) => { put(rows.map((r, there) => (there === i ? next : r))); }, at === 0 ? faultOf(i) : undefined)}
                    </Table.Td>
                  ))}
                  <Table.Td>
                    {!fixed && (
                      <ActionIcon
                        variant="subtle"
                        color="red"
                        mt={4}
                        aria-label={texts.editor.remove(nameOf(row))}
                        onClick={() => { put(rows.filter((_, there) => there !== i)); }}
                      >
                        <Icon name="trash" size={16} />
                      </ActionIcon>
                    )}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {rows.length === 0 && fixed && <Text size="sm" c="dimmed">{texts.editor.notSet}</Text>}
      {fault && <Text size="sm" c="red">{fault}</Text>}
      {!fixed && (
        <Group>
          <Button variant="default" size="xs" leftSection={<Icon name="plus" size={14} />} onClick={() => { put([...rows, fresh]); }}>
            {add}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

/**
 * The rows of a value as they are typed, some of which cannot be in it yet, such as one without a name. What somebody else made
 * of the value meanwhile comes in anew.
 */
export function useTypedRows<R>(
  value: unknown,
  put: (value: unknown) => void,
  read: (value: unknown) => R[],
  write: (rows: R[]) => unknown,
): [rows: R[], put: (rows: R[]) => void] {
  const [typed, setTyped] = useState(() => read(value));
  const rows = JSON.stringify(write(typed)) === JSON.stringify(value) ? typed : read(value);
  return [rows, (next) => {
    setTyped(next);
    put(write(next));
  }];
}
