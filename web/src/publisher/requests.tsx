import { useQuery } from "@tanstack/react-query";

import { approveSubscription, rejectSubscription, subscriptionRequestsQuery } from "../api/publishing";
import { publishes } from "../session/areas";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Decide } from "../ui/decide";
import { Empty } from "../ui/empty";
import { Page } from "../ui/page";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";

const words = texts.publisher.requests;

/** The subscriptions that await an approval. */
export function SubscriptionRequests() {
  const tenant = useTenant();
  const may = publishes(useSession());
  const list = useQuery(subscriptionRequestsQuery(tenant));
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
          { title: words.api, cell: (r) => r.api },
          { title: words.plan, cell: (r) => r.plan },
          { title: words.by, cell: (r) => r.requester },
          { title: words.since, wide: true, cell: (r) => <Time at={r.since} /> },
          {
            title: words.decide,
            cell: (r) => (
              <Decide
                may={may}
                what={r.name}
                approve={() => approveSubscription(tenant, r)}
                reject={(reason) => rejectSubscription(tenant, r, reason)}
              />
            ),
          },
        ]}
      />
    </Page>
  );
}
