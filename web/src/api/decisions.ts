import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";

export type Decision = Schemas["Record"];

/** What decisions are narrowed to; the gateways do it. */
export interface DecisionFilter {
  keyManager?: string;
  api?: string;
  application?: string;
  code?: string;
  /** Only calls that did not pass. */
  refused?: boolean;
}

/** The gateways' recent decisions, the newest first. live asks again every second. */
export function decisionsQuery(tenant: string, filter: DecisionFilter, live: boolean) {
  return queryOptions({
    queryKey: [tenant, "decisions", filter],
    refetchInterval: live ? 1_000 : false,
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/decisions", { params: { query: { tenant, limit: "100", ...filter } }, signal })),
  });
}

/** One decision with its steps. Its id is in X-Keyward-Decision and in the refused caller's problem document. */
export function decisionQuery(tenant: string, id: string) {
  return queryOptions({
    queryKey: [tenant, "decisions", "one", id],
    staleTime: Infinity,
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/decisions/{name}", { params: { path: { name: id }, query: { tenant } }, signal })),
  });
}
