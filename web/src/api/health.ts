import { infiniteQueryOptions } from "@tanstack/react-query";

import { bodyOf, client } from "./client";

/** How many key managers a page of their list holds. */
const pageSize = 50;

/** A tenant's key managers by pages, each with its health and its calls: what their list shows comes in one answer. */
export function healthListQuery(tenant: string, search: string) {
  return infiniteQueryOptions({
    queryKey: [tenant, "key-managers", "health", search],
    refetchInterval: 30_000,
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }) =>
      bodyOf(
        await client.GET("/api/v1/key-manager-health", {
          params: { query: { tenant, limit: String(pageSize), ...(search && { search }), ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next,
  });
}
