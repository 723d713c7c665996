import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";

/** The health of every key manager of a tenant, by name. */
export function healthListQuery(tenant: string) {
  return queryOptions({
    queryKey: [tenant, "key-managers", "health"],
    refetchInterval: 30_000,
    queryFn: async ({ signal }) => {
      const answer = await client.GET("/api/v1/key-manager-health", { params: { query: { tenant, limit: "500" } }, signal });
      const lines = bodyOf(answer).items ?? [];
      return new Map<string, Schemas["HealthSummary"]>(lines.map((line) => [line.keyManager, line]));
    },
  });
}
