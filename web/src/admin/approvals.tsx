import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { approveKeys, keyRequestsQuery, rejectKeys } from "../api/admin";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Decide } from "../ui/decide";
import { Empty } from "../ui/empty";
import { Page } from "../ui/page";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";

const words = texts.admin.approvals;

/** The keys that await an administrator's approval. */
export function Approvals() {
  const tenant = useTenant();
  const admin = administers(useSession());
  const list = useQuery(keyRequestsQuery(tenant));
  return (
    <Page title={words.title} lead={words.lead}>
      <DataTable
        label={words.title}
        rows={list.data}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(r) => r.id}
        empty={<Empty icon="check" title={words.emptyTitle}>{words.empty}</Empty>}
        columns={[
          { title: words.application, cell: (r) => r.application },
          { title: words.keyManager, cell: (r) => r.keyManager },
          { title: words.environment, wide: true, cell: (r) => r.environment },
          {
            title: words.what,
            wide: true,
            cell: (r) => (r.mode === "mapped" ? words.map(r.clientId ?? "") : words.make((r.grants ?? []).join(", "), (r.scopes ?? []).join(" "))),
          },
          { title: words.by, cell: (r) => r.requester },
          { title: words.since, wide: true, cell: (r) => <Text span inherit><Time at={r.since} /></Text> },
          {
            title: words.decide,
            cell: (r) => (
              <Decide
                may={admin}
                what={`${r.application}, ${r.keyManager}`}
                approve={() => approveKeys(tenant, r)}
                reject={(reason) => rejectKeys(tenant, r, reason)}
              />
            ),
          },
        ]}
      />
    </Page>
  );
}
