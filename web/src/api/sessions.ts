import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { ProblemError } from "./problem";

/** What queries about the browser's own session are kept under: no name of a tenant, which those of tenants begin with. */
export const sessionKey = ["/session"] as const;

/** Who is signed in; null when nobody is. */
export async function readSession(signal: AbortSignal): Promise<Schemas["SessionAnswer"] | null> {
  try {
    return bodyOf(await client.GET("/api/v1/session", { signal }));
  } catch (error) {
    if (error instanceof ProblemError && error.status === 401) return null;
    throw error;
  }
}

/** Ends the session; gives the address at which it ends at the server that it began at, too. */
export async function leaveSession(): Promise<string | undefined> {
  return (await client.DELETE("/api/v1/session", {})).data?.endSession;
}

/** The ways into a tenant's console. */
export function waysQuery(tenant: string) {
  return queryOptions({
    queryKey: [...sessionKey, "ways", tenant],
    queryFn: async ({ signal }) => bodyOf(await client.GET("/api/v1/session/ways", { params: { query: { tenant } }, signal })),
  });
}

/** Whose sessions are meant: those of who asks, of one person, or everybody's in the tenant. */
export type Whose = "mine" | "everybody" | { user: string };

/** What every query about a tenant's sessions is kept under. */
export const sessionsKey = (tenant: string) => [tenant, "sessions"] as const;

/** Sessions at the console, those that were used last first. */
export function sessionsQuery(tenant: string, whose: Whose) {
  const of = whose === "mine" ? {} : whose === "everybody" ? { everybody: true } : { user: whose.user };
  return queryOptions({
    queryKey: [...sessionsKey(tenant), whose],
    refetchInterval: 15_000,
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/sessions", { params: { query: { tenant, ...of } }, signal })).items ?? [],
  });
}

export async function endSession(id: string): Promise<void> {
  await client.DELETE("/api/v1/sessions/{id}", { params: { path: { id } } });
}

/** Signs somebody out everywhere; without a name who asks. */
export async function endSessions(tenant: string, user?: string): Promise<void> {
  await client.POST("/api/v1/sessions/end", { params: { query: { tenant } }, body: { ...(user !== undefined && { user }) } });
}
