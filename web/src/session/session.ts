import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "../api/client";
import { ProblemError } from "../api/problem";
import { serverPath } from "../base";

export type Session = Schemas["SessionAnswer"];

/** Who is signed in; null when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  staleTime: 60_000,
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return bodyOf(await client.GET("/api/v1/session", { signal }));
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
  await client.DELETE("/api/v1/session", {});
}
