import { Anchor, Stack, Text } from "@mantine/core";
import { Link } from "react-router";

import { APIState, takenBy } from "../../publisher/apis/list";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Empty } from "../../ui/empty";
import { Page } from "../../ui/page";
import { SearchField } from "../../ui/search-field";
import { DataTable } from "../../ui/table";
import { useList } from "../../ui/use-list";

const words = texts.developer.catalog;

/** The APIs that a developer may see, and which key managers' tokens each of them takes. */
export function Catalog() {
  const to = useAddress();
  const list = useList("apis");
  return (
    <Page title={words.title} lead={words.lead}>
      <SearchField label={words.search} />
      <DataTable
        label={words.title}
        keyOf={(a) => a.metadata?.name ?? ""}
        columns={[
          {
            title: words.api,
            cell: (a) => (
              <Stack gap={0}>
                <Anchor component={Link} to={to("developer", "apis", a.metadata?.name ?? "")} fw={600}>{a.spec.title ?? a.metadata?.name}</Anchor>
                <Text size="xs" c="dimmed" ff="monospace">{a.spec.context}/{a.spec.version}</Text>
              </Stack>
            ),
          },
          { title: words.keyManagers, cell: (a) => takenBy(a)?.join(", ") ?? words.all },
          { title: words.state, wide: true, cell: (a) => <APIState api={a} /> },
        ]}
        empty={
          list.search ? <Text c="dimmed">{texts.table.noMatch}</Text> : <Empty icon="book" title={words.emptyTitle}>{words.empty}</Empty>
        }
        {...list}
      />
    </Page>
  );
}
