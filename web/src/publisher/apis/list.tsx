import { Button, Text } from "@mantine/core";
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { publishes } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import type { Tone } from "../../theme";
import { StateBadge } from "../../ui/badge";
import { Empty } from "../../ui/empty";
import { Icon } from "../../ui/icon";
import { NameLink } from "../../ui/name-link";
import { Page } from "../../ui/page";
import { SearchField } from "../../ui/search-field";
import { DataTable, type Column } from "../../ui/table";
import { useList } from "../../ui/use-list";

const words = texts.publisher.apis;

const tones: Record<string, Tone> = { draft: "busy", published: "good", deprecated: "warn", retired: "quiet" };

/** An API's state as a word in its colour. */
export function APIState({ api }: { api: Schemas["API"] }) {
  const state = api.spec.state ?? "published";
  return <StateBadge tone={tones[state] ?? "quiet"}>{state}</StateBadge>;
}

/** The names of the key managers whose tokens an API takes; undefined stands for all. */
export function takenBy(api: Schemas["API"]): string[] | undefined {
  const { keyManagers } = api.spec;
  return keyManagers === "all" ? undefined : keyManagers.map((k) => (typeof k === "string" ? k : k.name));
}

/** The tenant's APIs. */
export function APIs() {
  const to = useAddress();
  const list = useList("apis");
  const add = publishes(useSession()) && (
    <Button component={Link} to={to("publisher", "apis", "new")} leftSection={<Icon name="plus" size={16} />}>
      {words.add}
    </Button>
  );
  const columns: Column<Schemas["API"]>[] = [
    {
      title: words.title,
      cell: (a) => {
        const name = a.metadata?.name ?? "";
        return <NameLink to={to("publisher", "apis", name)} name={name} shown={a.spec.title} />;
      },
    },
    { title: words.address, wide: true, cell: (a) => <Text ff="monospace" size="sm">{a.spec.context}/{a.spec.version}</Text> },
    { title: words.state, cell: (a) => <APIState api={a} /> },
    { title: words.keyManagers, wide: true, cell: (a) => takenBy(a)?.join(", ") ?? texts.common.all },
    { title: words.operations, wide: true, cell: (a) => (a.spec.operations ?? []).length || words.fromOpenAPI },
  ];
  return (
    <Page title={words.heading} lead={words.lead} actions={add}>
      <SearchField label={words.search} />
      <DataTable
        label={words.heading}
        columns={columns}
        keyOf={(a) => a.metadata?.name ?? ""}
        empty={
          list.search ? <Text c="dimmed">{texts.table.noMatch}</Text> : <Empty icon="box" title={words.emptyTitle} action={add}>{words.empty}</Empty>
        }
        {...list}
      />
    </Page>
  );
}
