import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";

import { bodyOf, client } from "../api/client";
import { ProblemError } from "../api/problem";
import { serverPath } from "../base";

/** Who is signed in, in which tenant they have their roles. */
export interface Session {
  user: string;
  tenant: string;
  roles?: string[] | null;
}

// The document does not have the routes of sessions yet.
type AnyGet = "/api/v1/gateways";
type AnyDelete = "/api/v1/tokens/{id}";

/** Who is signed in; null when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  staleTime: 60_000,
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return bodyOf(await client.GET("/api/v1/session" as AnyGet, { signal })) as unknown as Session;
    } catch (error) {
      if (error instanceof ProblemError && error.status === 401) return null;
      throw error;
    }
  },
});

/** The session of the person who is signed in. Only pages below the shell, which has it, may use it. */
export function useSession(): Session {
  const { data } = useSuspenseQuery(sessionQuery);
  if (data === null) throw new Error("nobody is signed in");
  return data;
}

/** The address that signs in and comes back to a page of the console. */
export function signInAddress(back: string, way?: { tenant?: string; via?: string }): string {
  const query = new URLSearchParams({ return: back });
  if (way?.tenant) query.set("tenant", way.tenant);
  if (way?.via) query.set("via", way.via);
  return `${serverPath}/session/start?${query.toString()}`;
}

/** Ends the session, at the server that it began at too. */
export async function signOut(): Promise<void> {
  await client.DELETE("/api/v1/session" as AnyDelete, { params: { path: { id: "" } } });
}
