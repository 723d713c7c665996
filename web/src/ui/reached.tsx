import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { gatewaysQuery } from "../api/admin";
import type { Schemas } from "../api/client";
import { texts } from "../texts";

const words = texts.reached;

// Those that follow; what is revoked or was never there does not, and one that is away gets the change when it returns.
const following = (g: Schemas["Gateway"]) => !g.revokedAt && g.lastSeen !== undefined && !g.stale && !g.away;

/** That something is stored, and on its way to the gateways how far it has come. Where that is not to be seen, just the first. */
export function Reached({ tenant }: { tenant: string }) {
  const list = useQuery({
    ...gatewaysQuery(tenant),
    staleTime: 0,
    refetchInterval: (query) => ((query.state.data ?? []).some((g) => following(g) && g.lag > 0) ? 500 : false),
  });
  const all = (list.data ?? []).filter(following);
  const there = all.filter((g) => g.lag === 0);
  const away = (list.data ?? []).filter((g) => !g.revokedAt && (g.stale || g.away));
  return (
    <Stack gap={2}>
      <Text size="sm" fw={600}>{texts.common.saved}</Text>
      {all.length > 0 && <Text size="sm">{there.length === all.length ? words.every(all.length) : words.some(there.length, all.length)}</Text>}
      {away.length > 0 && <Text size="sm">{words.away(away.map((g) => g.name).join(", "))}</Text>}
    </Stack>
  );
}
