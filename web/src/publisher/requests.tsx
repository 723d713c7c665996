import { useQuery } from "@tanstack/react-query";

import { approveSubscription, rejectSubscription, subscriptionRequestsQuery } from "../api/publishing";
import { publishes } from "../session/areas";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { ObjectLink } from "../ui/object-link";
import { RequestList } from "../ui/request-list";
import { Time } from "../ui/time";

const words = texts.publisher.requests;

/** The subscriptions that await an approval. */
export function SubscriptionRequests() {
  const tenant = useTenant();
  return (
    <RequestList
      words={words}
      list={useQuery(subscriptionRequestsQuery(tenant))}
      may={publishes(useSession())}
      what={(r) => r.name}
      approve={(r) => approveSubscription(tenant, r)}
      reject={(r, reason) => rejectSubscription(tenant, r, reason)}
      columns={[
        { title: words.application, cell: (r) => <ObjectLink noun="applications" name={r.application} strong /> },
        { title: words.api, cell: (r) => <ObjectLink noun="apis" name={r.api} /> },
        { title: words.plan, cell: (r) => <ObjectLink noun="plans" name={r.plan} /> },
        { title: words.by, cell: (r) => <ObjectLink noun="users" name={r.requester} /> },
        { title: words.since, wide: true, cell: (r) => <Time at={r.since} past /> },
      ]}
    />
  );
}
