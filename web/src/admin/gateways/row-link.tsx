import { Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import type { Noun } from "../../api/objects";
import { ObjectLink } from "../../ui/object-link";

// The pages of what gateways hold, by the kind of the row.
const nouns: Record<string, Noun> = {
  key_manager: "key-managers",
  introspection: "key-managers",
  outbound: "key-managers",
  plan: "plans",
  api: "apis",
  application: "applications",
  subscription: "subscriptions",
  client: "oauth-clients",
};

/** What a row of gateways is about, with the way to its page where there is one. Nothing where it has no name. */
export function RowLink({ row }: { row: Schemas["ChangedRow"] }) {
  const noun = row.gone ? undefined : nouns[row.kind];
  if (!row.name) return null;
  return noun ? <ObjectLink noun={noun} name={row.name} tenant={row.tenant} /> : <Text span size="sm">{row.name}</Text>;
}
