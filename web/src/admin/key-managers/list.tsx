import { Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { healthListQuery } from "../../api/health";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Empty } from "../../ui/empty";
import { Icon } from "../../ui/icon";
import { NameLink } from "../../ui/name-link";
import { Page } from "../../ui/page";
import { SearchField } from "../../ui/search-field";
import { DataTable, type Column } from "../../ui/table";
import { Time } from "../../ui/time";
import { useList } from "../../ui/use-list";
import { KeyManagerState } from "./state";

const words = texts.admin.keyManagers;

/** The tenant's key managers, each with how its server is. */
export function KeyManagers() {
  const to = useAddress();
  const tenant = useTenant();
  const session = useSession();
  const list = useList("key-managers");
  const health = useQuery(healthListQuery(tenant));
  const healthOf = (name: string) => health.data?.get(name);
  const add = administers(session) && (
    <Button component={Link} to={to("admin", "key-managers", "new")} leftSection={<Icon name="plus" size={16} />}>
      {words.add}
    </Button>
  );
  const columns: Column<Schemas["KeyManager"]>[] = [
    {
      title: words.name,
      cell: (k) => {
        const name = k.metadata?.name ?? "";
        return <NameLink to={to("admin", "key-managers", name)} name={name} shown={k.spec.displayName} />;
      },
    },
    { title: words.type, cell: (k) => k.spec.type, wide: true },
    {
      title: words.issuer,
      wide: true,
      cell: (k) => <Text size="sm" style={{ overflowWrap: "anywhere" }}>{k.status?.issuer ?? k.spec.issuer}</Text>,
    },
    {
      title: words.state,
      cell: (k) => <KeyManagerState keyManager={k} health={healthOf(k.metadata?.name ?? "")} />,
    },
    { title: words.looked, wide: true, cell: (k) => <Time at={healthOf(k.metadata?.name ?? "")?.lookedAt} /> },
  ];
  return (
    <Page title={words.title} lead={words.lead} actions={add}>
      <SearchField label={words.search} />
      <DataTable
        label={words.title}
        columns={columns}
        keyOf={(k) => k.metadata?.name ?? ""}
        empty={
          list.search ? (
            <Text c="dimmed">{texts.table.noMatch}</Text>
          ) : (
            <Empty icon="shield" title={words.emptyTitle} action={add}>
              {words.empty}
            </Empty>
          )
        }
        {...list}
      />
    </Page>
  );
}
