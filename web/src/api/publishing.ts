import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";

/** Who would notice a change of an API. */
export function apiUsagesQuery(tenant: string, name: string) {
  return queryOptions({
    queryKey: [tenant, "apis", "one", name, "usages"],
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/apis/{name}/usages", { params: { path: { name }, query: { tenant } }, signal })),
  });
}

/** The subscriptions that await an approval. */
export function subscriptionRequestsQuery(tenant: string) {
  return queryOptions({
    queryKey: [tenant, "subscriptions", "requests"],
    refetchInterval: 15_000,
    queryFn: async ({ signal }) =>
      bodyOf(
        await client.GET("/api/v1/subscription-requests", { params: { query: { tenant, limit: "500" } }, signal }),
      ).items ?? [],
  });
}

/** Approves the request that was seen; what was asked for instead meanwhile is a conflict. */
export async function approveSubscription(tenant: string, asked: Schemas["SubscriptionRequest"]): Promise<void> {
  await client.POST("/api/v1/subscriptions/{name}/approve", {
    params: { path: { name: asked.name }, query: { tenant } },
    body: { request: asked.id },
  });
}

export async function rejectSubscription(
  tenant: string,
  asked: Schemas["SubscriptionRequest"],
  reason: string,
): Promise<void> {
  await client.POST("/api/v1/subscriptions/{name}/reject", {
    params: { path: { name: asked.name }, query: { tenant } },
    body: { request: asked.id, reason },
  });
}

/** What applying manifests would change; nothing is written. */
export async function dryRun(tenant: string, objects: unknown[]): Promise<Schemas["ApplyResult"][]> {
  const answer = await client.POST("/api/v1/apply", { params: { query: { tenant } }, body: { objects, dryRun: true } });
  return bodyOf(answer).results ?? [];
}
