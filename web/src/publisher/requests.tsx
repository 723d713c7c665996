import { useInfiniteQuery } from "@tanstack/react-query";

import { approveSubscription, rejectSubscription, subscriptionRequestsQuery } from "../api/publishing";
import { publishes } from "../session/areas";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { ObjectLink } from "../ui/object-link";
import { Person } from "../ui/person";
import { RequestList } from "../ui/request-list";
import { Time } from "../ui/time";
import { rowsOf } from "../ui/use-list";

const words = texts.publisher.requests;

/** The subscriptions that await an approval. */
export function SubscriptionRequests() {
  const tenant = useTenant();
  return (
    <RequestList
      words={words}
      list={rowsOf(useInfiniteQuery(subscriptionRequestsQuery(tenant)))}
      may={publishes(useSession())}
      what={(r) => r.name}
      approve={(r) => approveSubscription(tenant, r)}
      reject={(r, reason) => rejectSubscription(tenant, r, reason)}
      columns={[
        { title: words.application, cell: (r) => <ObjectLink noun="applications" name={r.application} strong /> },
        { title: words.api, wide: true, cell: (r) => <ObjectLink noun="apis" name={r.api} /> },
        { title: words.plan, wide: true, cell: (r) => <ObjectLink noun="plans" name={r.plan} /> },
        { title: words.by, wide: true, cell: (r) => <Person user={r.requester} called={r.requesterName} /> },
        { title: words.since, wide: true, cell: (r) => <Time at={r.since} past /> },
      ]}
    />
  );
}
