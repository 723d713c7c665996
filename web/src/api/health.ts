import { infiniteQueryOptions } from "@tanstack/react-query";

import { bodyOf, client } from "./client";
import { byPages } from "./pages";

/** A tenant's key managers by pages, each with its health and its calls: what their list shows comes in one answer. */
export function healthListQuery(tenant: string, search: string) {
  return infiniteQueryOptions({
    queryKey: [tenant, "key-managers", "health", search],
    refetchInterval: 30_000,
    ...byPages(async (page, signal) =>
      bodyOf(await client.GET("/api/v1/key-manager-health", { params: { query: { tenant, ...(search && { search }), ...page } }, signal })),
    ),
  });
}
