import { Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { approveKeys, keyRequestsQuery, rejectKeys } from "../api/admin";
import type { Schemas } from "../api/client";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { ObjectLink } from "../ui/object-link";
import { Person } from "../ui/person";
import { RequestList } from "../ui/request-list";
import { Time } from "../ui/time";
import { rowsOf } from "../ui/use-list";

const words = texts.admin.approvals;

// What its client would be able to do, redirect URIs first of all: who owns one gets people's codes.
function Asked({ request: { grants, callbacks, scopes, fields } }: { request: Schemas["KeysRequest"] }) {
  const further = Object.entries(fields ?? {}).map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  const rows: [string, string[]][] = [[words.redirects, callbacks ?? []], [words.scopes, scopes ?? []], [words.fields, further]];
  return (
    <Stack gap={2}>
      <Text size="sm">{words.make((grants ?? []).join(", "))}</Text>
      {rows.filter(([, all]) => all.length > 0).map(([name, all]) => (
        <Text key={name} size="sm" style={{ overflowWrap: "anywhere" }}><Text span inherit c="dimmed">{name}</Text> {all.join(" ")}</Text>
      ))}
    </Stack>
  );
}

/** The keys that await an administrator's approval. */
export function Approvals() {
  const tenant = useTenant();
  return (
    <RequestList
      words={words}
      list={rowsOf(useInfiniteQuery(keyRequestsQuery(tenant)))}
      may={administers(useSession())}
      what={(r) => `${r.application}, ${r.keyManager}`}
      approve={(r) => approveKeys(tenant, r)}
      reject={(r, reason) => rejectKeys(tenant, r, reason)}
      columns={[
        { title: words.application, cell: (r) => <ObjectLink noun="applications" name={r.application} strong /> },
        { title: words.keyManager, wide: true, cell: (r) => <ObjectLink noun="key-managers" name={r.keyManager} /> },
        { title: words.environment, wide: true, cell: (r) => r.environment },
        {
          title: words.what,
          wide: true,
          cell: (r) => (r.mode === "mapped" ? words.map(r.clientId ?? "") : <Asked request={r} />),
        },
        { title: words.by, wide: true, cell: (r) => <Person user={r.requester} called={r.requesterName} /> },
        { title: words.since, wide: true, cell: (r) => <Text span inherit><Time at={r.since} past /></Text> },
      ]}
    />
  );
}
