import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client } from "./client";

/** Whose sessions are meant: those of who asks, of one person, or everybody's in the tenant. */
export type Whose = "mine" | "everybody" | { user: string };

/** Sessions at the console, those that were used last first. */
export function sessionsQuery(tenant: string, whose: Whose) {
  const of = whose === "mine" ? {} : whose === "everybody" ? { everybody: true } : { user: whose.user };
  return queryOptions({
    queryKey: [tenant, "sessions", whose],
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
