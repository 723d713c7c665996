import { Button, Text } from "@mantine/core";
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { StateBadge } from "../../ui/badge";
import { Empty } from "../../ui/empty";
import { Icon } from "../../ui/icon";
import { NameLink } from "../../ui/name-link";
import { Page } from "../../ui/page";
import { SearchField } from "../../ui/search-field";
import { DataTable, type Column } from "../../ui/table";
import { useList } from "../../ui/use-list";

const words = texts.developer.applications;

/** The applications that the person may see. */
export function Applications() {
  const to = useAddress();
  const list = useList("applications");
  const add = (
    <Button component={Link} to={to("developer", "applications", "new")} leftSection={<Icon name="plus" size={16} />}>
      {words.add}
    </Button>
  );
  const columns: Column<Schemas["Application"]>[] = [
    {
      title: words.name,
      cell: (a) => {
        const name = a.metadata?.name ?? "";
        return <NameLink to={to("developer", "applications", name)} name={name} shown={a.spec.displayName} />;
      },
    },
    { title: words.owners, cell: (a) => ownersOf(a).join(", ") },
    {
      title: words.state,
      cell: (a) =>
        a.status?.hold ? <StateBadge tone="bad" hint={a.status.hold.reason}>{words.held}</StateBadge> : <StateBadge tone="good">{words.inUse}</StateBadge>,
    },
  ];
  return (
    <Page title={words.title} lead={words.lead} actions={add}>
      <SearchField label={words.search} />
      <DataTable
        label={words.title}
        columns={columns}
        keyOf={(a) => a.metadata?.name ?? ""}
        empty={
          list.search ? (
            <Text c="dimmed">{texts.table.noMatch}</Text>
          ) : (
            <Empty icon="app" title={words.emptyTitle} action={add}>{words.empty}</Empty>
          )
        }
        {...list}
      />
    </Page>
  );
}

/** Everybody who manages the application: people by name, groups as group/NAME. */
export function ownersOf(a: Schemas["Application"]): string[] {
  return a.spec.owners ?? (a.spec.owner ? [a.spec.owner] : []);
}
