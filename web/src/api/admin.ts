import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { byPages } from "./pages";

/** What audit entries are narrowed to; the server does it. */
interface AuditFilter {
  actor?: string;
  kind?: string;
  name?: string;
}

/** Who did what, newest first. */
export function auditQuery(tenant: string, narrowed: AuditFilter) {
  return infiniteQueryOptions({
    queryKey: [tenant, "audit", narrowed],
    ...byPages(async (page, signal) =>
      bodyOf(await client.GET("/api/v1/audit", { params: { query: { tenant, ...narrowed, ...page } }, signal })),
    ),
  });
}

/** Keys that await an administrator's approval. */
export function keyRequestsQuery(tenant: string) {
  return infiniteQueryOptions({
    queryKey: [tenant, "key-requests"],
    refetchInterval: 15_000,
    ...byPages(async (page, signal) =>
      bodyOf(await client.GET("/api/v1/key-requests", { params: { query: { tenant, ...page } }, signal })),
    ),
  });
}

/** From so many on, requests are not counted any further. */
export const mostWaiting = 100;

/** How many keys and subscriptions await an approval. */
export function waitingQuery(tenant: string) {
  return queryOptions({
    queryKey: [tenant, "waiting"],
    refetchInterval: 15_000,
    queryFn: async ({ signal }) => bodyOf(await client.GET("/api/v1/waiting", { params: { query: { tenant } }, signal })),
  });
}

const requestPlace = (tenant: string, asked: Schemas["KeysRequest"]) => ({
  path: { name: asked.application },
  query: { tenant },
});

/** Approves the request that was seen; what was asked for instead meanwhile is a conflict. */
export async function approveKeys(tenant: string, asked: Schemas["KeysRequest"]): Promise<void> {
  await client.POST("/api/v1/applications/{name}/keys/approve", {
    params: requestPlace(tenant, asked),
    body: { keyManager: asked.keyManager, environment: asked.environment, request: asked.id },
  });
}

/** Rejects the request that was seen, likewise. */
export async function rejectKeys(tenant: string, asked: Schemas["KeysRequest"], reason: string): Promise<void> {
  await client.POST("/api/v1/applications/{name}/keys/reject", {
    params: requestPlace(tenant, asked),
    body: { keyManager: asked.keyManager, environment: asked.environment, request: asked.id, reason },
  });
}

/** The API tokens of the tenant, without their values. */
export function tokensQuery(tenant: string) {
  return infiniteQueryOptions({
    queryKey: [tenant, "tokens"],
    ...byPages(async (page, signal) => bodyOf(await client.GET("/api/v1/tokens", { params: { query: { tenant, ...page } }, signal }))),
  });
}

export async function createToken(tenant: string, user: string): Promise<Schemas["TokenAnswer"]> {
  return bodyOf(await client.POST("/api/v1/tokens", { params: { query: { tenant } }, body: { user } }));
}

export async function revokeToken(tenant: string, id: string): Promise<void> {
  await client.DELETE("/api/v1/tokens/{id}", { params: { path: { id }, query: { tenant } } });
}

/** Makes a link by which somebody chooses a password, once. */
export async function passwordLink(tenant: string, user: string): Promise<string> {
  return bodyOf(await client.POST("/api/v1/users/{name}/password-reset", { params: { path: { name: user }, query: { tenant } } })).link;
}
