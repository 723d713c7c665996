import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { listPage, objectKey, type Noun, type Nouns } from "./objects";
import { byPages } from "./pages";

/** Where an API is in its life. */
export function stateOf({ spec }: Schemas["API"]): string {
  return spec.state ?? "published";
}

/** Whether gateways serve an API in a state. */
export function servedIn(state: string): boolean {
  return state === "published" || state === "deprecated";
}

/** Whether gateways have it. */
export const isServed = (api: Schemas["API"]): boolean => servedIn(stateOf(api));

/** Whether an object is an API that no gateway has yet. */
export function isDraft({ spec }: Nouns[Noun]): boolean {
  return "state" in spec && spec.state === "draft";
}

/** Whether applications can be subscribed to it now. */
export function takesSubscriptions(api: Schemas["API"]): boolean {
  return api.spec.subscription !== "none" && stateOf(api) === "published";
}

/** The key manager that an entry of an API names, whatever else it says. */
export function nameInUse(use: string | Schemas["KeyManagerUse"]): string {
  return typeof use === "string" ? use : use.name;
}

/** The names of the key managers whose tokens an API takes; undefined stands for all. */
export function takenBy(api: Schemas["API"]): string[] | undefined {
  const { keyManagers } = api.spec;
  return keyManagers === "all" ? undefined : keyManagers.map(nameInUse);
}

/** Who would notice a change of an API; of its subscriptions the first. */
export async function apiUsages(tenant: string, name: string, signal?: AbortSignal): Promise<Schemas["APIUsages"]> {
  const params = { path: { name }, query: { tenant, limit: "50" } };
  return bodyOf(await client.GET("/api/v1/apis/{name}/usages", { params, ...(signal && { signal }) }));
}

/** The same, for pages. */
export function apiUsagesQuery(tenant: string, name: string) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "apis", name), "usages"],
    queryFn: ({ signal }) => apiUsages(tenant, name, signal),
  });
}

/** The subscriptions that await an approval. */
export function subscriptionRequestsQuery(tenant: string) {
  return infiniteQueryOptions({
    queryKey: [tenant, "subscriptions", "requests"],
    refetchInterval: 15_000,
    ...byPages(async (page, signal) =>
      bodyOf(await client.GET("/api/v1/subscription-requests", { params: { query: { tenant, ...page } }, signal })),
    ),
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

/** Makes the API the default version of its context, in one step with the end of the one that is it now. */
export async function makeDefault(tenant: string, name: string): Promise<void> {
  await client.POST("/api/v1/apis/{name}/default", { params: { path: { name }, query: { tenant } } });
}

/** Asks anew for a subscription that was rejected, in one step; where another request was rejected meanwhile, it is a conflict. */
export async function askAgain(tenant: string, name: string, request: string | undefined): Promise<Schemas["Subscription"]> {
  return bodyOf(
    await client.POST("/api/v1/subscriptions/{name}/ask-again", {
      params: { path: { name }, query: { tenant } },
      body: { ...(request !== undefined && { request }) },
    }),
  );
}

/** What applying manifests would change; nothing is written. */
export async function dryRun(tenant: string, objects: unknown[]): Promise<Schemas["ApplyResult"][]> {
  const answer = await client.POST("/api/v1/apply", { params: { query: { tenant } }, body: { objects, dryRun: true } });
  return bodyOf(answer).results ?? [];
}

/** Reads an OpenAPI document from an address, or judges the text of one; nothing is stored. */
export async function importOpenAPI(tenant: string, from: Schemas["OpenAPISource"]): Promise<Schemas["OpenAPIImported"]> {
  return bodyOf(await client.POST("/api/v1/openapi/import", { params: { query: { tenant } }, body: from }));
}

/** The operations of an API, those of its OpenAPI document too. */
export function operationsQuery(tenant: string, name: string) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "apis", name), "operations"],
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/apis/{name}/operations", { params: { path: { name }, query: { tenant } }, signal })).items ?? [],
  });
}

/** Calls an API through the gateway. A refusal of the gateway is an answer like others. */
export async function tryCall(tenant: string, name: string, body: Schemas["TryBody"]): Promise<Schemas["TryAnswer"]> {
  return bodyOf(await client.POST("/api/v1/apis/{name}/try", { params: { path: { name }, query: { tenant } }, body }));
}

/** What an API would get from the text of an OpenAPI document. */
export function importedQuery(tenant: string, document: string) {
  return queryOptions({
    queryKey: [tenant, "openapi", document],
    staleTime: Infinity,
    queryFn: () => importOpenAPI(tenant, { document }),
  });
}

/** The APIs of one context, which are versions of each other. */
export function versionsQuery(tenant: string, context: string) {
  return queryOptions({
    queryKey: [tenant, "apis", "versions", context],
    queryFn: async ({ signal }) => (await listPage(tenant, "apis", { context, limit: "500" }, signal)).items,
  });
}
