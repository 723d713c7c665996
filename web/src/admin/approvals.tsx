import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { approveKeys, keyRequestsQuery, rejectKeys } from "../api/admin";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { ObjectLink } from "../ui/object-link";
import { RequestList } from "../ui/request-list";
import { Time } from "../ui/time";

const words = texts.admin.approvals;

/** The keys that await an administrator's approval. */
export function Approvals() {
  const tenant = useTenant();
  return (
    <RequestList
      words={words}
      list={useQuery(keyRequestsQuery(tenant))}
      may={administers(useSession())}
      what={(r) => `${r.application}, ${r.keyManager}`}
      approve={(r) => approveKeys(tenant, r)}
      reject={(r, reason) => rejectKeys(tenant, r, reason)}
      columns={[
        { title: words.application, cell: (r) => <ObjectLink noun="applications" name={r.application} strong /> },
        { title: words.keyManager, cell: (r) => <ObjectLink noun="key-managers" name={r.keyManager} /> },
        { title: words.environment, wide: true, cell: (r) => r.environment },
        {
          title: words.what,
          wide: true,
          cell: (r) => (r.mode === "mapped" ? words.map(r.clientId ?? "") : words.make((r.grants ?? []).join(", "), (r.scopes ?? []).join(" "))),
        },
        { title: words.by, cell: (r) => <ObjectLink noun="users" name={r.requester} /> },
        { title: words.since, wide: true, cell: (r) => <Text span inherit><Time at={r.since} /></Text> },
      ]}
    />
  );
}
