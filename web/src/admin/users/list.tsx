import { Anchor, Button, Text } from "@mantine/core";
import { Link } from "react-router";

import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { Page } from "../../ui/page";
import { SearchField } from "../../ui/search-field";
import { DataTable } from "../../ui/table";
import { useList } from "../../ui/use-list";

const words = texts.admin.users;

/** The people and programs that use the management plane, with their roles. */
export function Users() {
  const to = useAddress();
  const list = useList("users");
  const add = administers(useSession()) && (
    <Button component={Link} to={to("admin", "users", "new")} leftSection={<Icon name="plus" size={16} />}>{words.add}</Button>
  );
  return (
    <Page title={words.title} lead={words.lead} actions={add}>
      <SearchField label={words.search} />
      <DataTable
        label={words.title}
        columns={[
          {
            title: texts.common.name,
            cell: (u) => <Anchor component={Link} to={to("admin", "users", u.metadata?.name ?? "")} fw={600}>{u.metadata?.name}</Anchor>,
          },
          { title: words.email, wide: true, cell: (u) => u.spec.email ?? "" },
          { title: words.roles, cell: (u) => (u.spec.roles ?? []).join(", ") },
          { title: words.groups, wide: true, cell: (u) => (u.spec.groups ?? []).join(", ") },
        ]}
        keyOf={(u) => u.metadata?.name ?? ""}
        empty={<Text c="dimmed">{texts.table.noMatch}</Text>}
        {...list}
      />
    </Page>
  );
}
