import { Button, Group, Skeleton, Stack, Table, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { texts } from "../texts";
import { ProblemAlert } from "./problem-alert";
import classes from "./table.module.css";

export interface Column<T> {
  title: string;
  cell: (row: T) => ReactNode;
  /** Shown on wide screens only; "lg" = on very wide ones. */
  wide?: boolean | "lg";
  /** It holds numbers, which are compared by their ends. */
  number?: boolean;
  /** In a table whose columns keep their place whatever comes: how wide the column is, as CSS says it. */
  width?: string;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[] | undefined;
  /** What tells the rows apart. In a table where what comes takes the place of what was there, the row's place. */
  keyOf: (row: T, place: number) => string;
  empty: ReactNode;
  error?: Error | null;
  again?: () => void;
  more?: { load: () => void; loading: boolean } | undefined;
  /** In a table whose columns keep their place: how narrow it may be, in pixels. A narrower screen scrolls it. */
  minWidth?: number;
  /** How many there are in all, where no more than the rows can be had here. */
  of?: number | undefined;
  /** It is short and a part of something: nobody needs to be told how many there are. */
  uncounted?: boolean;
  /** On a phone, what is for wide screens comes below the first cell: whoever decides about the row needs all of it. */
  folds?: boolean;
}

/**
 * A listing. While its first page is on the way it keeps the place of eight rows, so that nothing jumps. Rows stay when asking for
 * them anew, or for more of them, fails: the error below them says that they may be old.
 */
export function DataTable<T>({ label, columns, rows, keyOf, empty, error, again, more, of, uncounted, folds = false, minWidth = 340 }: Props<T>) {
  if (error && rows === undefined) return <ProblemAlert error={error} {...(again && { again })} />;
  if (rows?.length === 0) return <>{empty}</>;
  return (
    <Stack gap="sm">
      <Table.ScrollContainer minWidth={minWidth} type="native" tabIndex={0} role="region" aria-label={label} className={classes.frame}>
        <Table aria-label={label} aria-busy={rows === undefined} layout={columns.some((c) => c.width !== undefined) ? "fixed" : "auto"}>
          <Table.Thead>
            <Table.Tr>
              {columns.map((c) => (
                <Table.Th key={c.title} {...(c.number && { className: classes.number })} {...(c.wide && { visibleFrom: from(c.wide) })} {...(c.width !== undefined && { w: c.width })}>
                  {c.title}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows === undefined
              ? Array.from({ length: 8 }, (_, i) => (
                  <Table.Tr key={i} aria-hidden>
                    {columns.map((c) => (
                      <Table.Td key={c.title} className={classes.cell} {...(c.wide && { visibleFrom: from(c.wide) })}>
                        <Skeleton height={22} />
                      </Table.Td>
                    ))}
                  </Table.Tr>
                ))
              : rows.map((row, place) => (
                  <Table.Tr key={keyOf(row, place)}>
                    {columns.map((c, i) => (
                      <Table.Td key={c.title} className={c.number ? `${classes.cell} ${classes.number}` : classes.cell} {...(c.wide && { visibleFrom: from(c.wide) })}>
                        {c.cell(row)}
                        {folds && i === 0 && <Folded columns={columns} row={row} />}
                      </Table.Td>
                    ))}
                  </Table.Tr>
                ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {error && <ProblemAlert error={error} {...(again && { again })} />}
      {rows !== undefined && !uncounted && (
        <Group justify="space-between">
          <Text size="sm" c="dimmed">
            {of !== undefined && of > rows.length ? texts.table.shownOf(rows.length, of) : texts.table.shown(rows.length, more !== undefined)}
          </Text>
          {more && (
            <Button variant="default" size="xs" loading={more.loading} onClick={more.load}>
              {texts.table.more}
            </Button>
          )}
        </Group>
      )}
    </Stack>
  );
}

// What a phone has no columns for, each with its title.
function Folded<T>({ columns, row }: { columns: Column<T>[]; row: T }) {
  return (
    <Stack gap={2} mt={4} hiddenFrom="sm">
      {columns.filter((c) => c.wide === true).map((c) => (
        <Stack key={c.title} gap={0}>
          <Text size="xs" c="dimmed">{c.title}</Text>
          <Text component="div" size="sm">{c.cell(row)}</Text>
        </Stack>
      ))}
    </Stack>
  );
}

function from(wide: true | "lg"): "sm" | "lg" {
  return wide === "lg" ? wide : "sm";
}
