import { Group, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import type { Schemas } from "../../api/client";
import { healthListQuery } from "../../api/health";
import { administers } from "../../session/areas";
import { useSession } from "../../session/session";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { NameLink } from "../../ui/name-link";
import { ListPage } from "../../ui/object-list";
import { useSearch } from "../../ui/search-field";
import type { Column } from "../../ui/table";
import { Time } from "../../ui/time";
import { rowsOf } from "../../ui/use-list";
import { VendorSign } from "../../ui/vendor-sign";
import { CallsOfDay } from "./calls-of-day";
import { FirstSteps } from "./first-steps";
import { KeyManagerState } from "./state";

const words = texts.admin.keyManagers;

/** With more key managers than these, nobody begins. */
const few = 3;

/** The tenant's key managers, each with how its server is and what its tokens did today. */
export function KeyManagers() {
  const to = useAddress();
  const session = useSession();
  const search = useSearch();
  const rows = rowsOf(useInfiniteQuery(healthListQuery(useTenant(), search)));
  const columns: Column<Schemas["HealthSummary"]>[] = [
    {
      title: words.name,
      cell: (k) => (
        <Group gap="sm" wrap="nowrap">
          <VendorSign type={k.type} />
          <NameLink to={to("admin", "key-managers", k.keyManager)} name={k.keyManager} shown={k.displayName} />
        </Group>
      ),
    },
    { title: words.type, cell: (k) => k.type, wide: true },
    { title: words.issuer, wide: true, cell: (k) => <Text size="sm" style={{ overflowWrap: "anywhere" }}>{k.issuer}</Text> },
    { title: words.state, cell: (k) => <KeyManagerState {...k} /> },
    { title: words.calls, cell: (k) => <CallsOfDay name={k.keyManager} calls={k.calls} /> },
    { title: words.looked, wide: true, cell: (k) => <Time at={k.lookedAt} past /> },
  ];
  return (
    <ListPage
      path={["admin", "key-managers"]}
      words={words}
      icon="shield"
      add={administers(session) && words.add}
      columns={columns}
      keyOf={(k) => k.keyManager}
      list={{ search, ...rows }}
      below={administers(session) && !search && rows.rows && rows.rows.length <= few && <FirstSteps added={rows.rows.some((k) => k.type !== "resident")} />}
    />
  );
}
