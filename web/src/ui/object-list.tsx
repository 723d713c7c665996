import { Button, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { objectName, type Noun, type Nouns } from "../api/objects";
import { useAddress } from "../shell/place";
import { texts } from "../texts";
import { Empty } from "./empty";
import { Icon, type IconName } from "./icon";
import { Page } from "./page";
import { SearchField } from "./search-field";
import { DataTable, type Column } from "./table";
import { useList, type rowsOf } from "./use-list";

interface Look<T> {
  /** The parts of the list's address; "new" below it makes one. */
  path: string[];
  words: { title: string; lead: string; search: string; emptyTitle?: string; empty?: string };
  icon: IconName;
  /** The words of the button that makes one, for who may. */
  add?: string | false;
  columns: Column<T>[];
}

/** The page that lists a noun's objects: searched and paged by the server, with the next step where there is none. */
export function ObjectList<N extends Noun>({ noun, ...look }: Look<Nouns[N]> & { noun: N }) {
  return <ListPage {...look} list={useList(noun)} keyOf={objectName} />;
}

interface Props<T> extends Look<T> {
  list: { search: string } & ReturnType<typeof rowsOf<T>>;
  keyOf: (row: T) => string;
  /** What comes after the list. */
  below?: ReactNode;
}

/** The same page of what else the server lists. */
export function ListPage<T>({ path, words, icon, add = false, columns, list, keyOf, below }: Props<T>) {
  const to = useAddress();
  const action = add !== false && (
    <Button component={Link} to={to(...path, "new")} leftSection={<Icon name="plus" size={16} />}>
      {add}
    </Button>
  );
  return (
    <Page title={words.title} lead={words.lead} actions={action}>
      <SearchField label={words.search} />
      <DataTable
        label={words.title}
        columns={columns}
        keyOf={keyOf}
        empty={
          list.search || words.emptyTitle === undefined ? (
            <Text c="dimmed">{texts.table.noMatch}</Text>
          ) : (
            <Empty icon={icon} title={words.emptyTitle} action={action}>
              {words.empty}
            </Empty>
          )
        }
        {...list}
      />
      {below}
    </Page>
  );
}
