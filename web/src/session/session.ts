import { queryOptions } from "@tanstack/react-query";
import { createContext, useContext } from "react";

import type { Schemas } from "../api/client";
import { leaveSession, readSession, sessionKey } from "../api/sessions";
import { serverPath } from "../base";

export type Session = Schemas["SessionAnswer"];

/** Who is signed in; null when nobody is. Whoever comes back to the window sees at once whether somebody still is. */
export const sessionQuery = queryOptions({
  queryKey: sessionKey,
  staleTime: 60_000,
  refetchOnWindowFocus: "always",
  queryFn: ({ signal }) => readSession(signal),
});

/** Holds the session for everything below the shell, which is drawn for somebody who is signed in alone. */
export const SessionContext = createContext<Session | undefined>(undefined);

/** Whether the session that the page was drawn for has ended: nothing can be asked or saved until there is one again. */
export const SessionEndedContext = createContext(false);

export function useSessionEnded(): boolean {
  return useContext(SessionEndedContext);
}

/** The session of the person who is signed in. Only what is below the shell may use it. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error("there is no session above this component");
  return session;
}

/** The address that signs in and comes back to a page of the console. */
export function signInAddress(back: string, way?: { tenant?: string; via?: string }): string {
  const query = new URLSearchParams({ return: back });
  if (way?.tenant) query.set("tenant", way.tenant);
  if (way?.via) query.set("via", way.via);
  return `${serverPath}/session/start?${query.toString()}`;
}

/** Where a tab tells the others of this browser that it ended the session. */
export const sessionChannel = "keyward-session";

/** Ends the session, at the server that it began at too, and loads the console anew: nothing of it stays in memory. */
export async function signOut(): Promise<void> {
  const further = await leaveSession();
  sessionStorage.clear(); // drafts that were kept
  new BroadcastChannel(sessionChannel).postMessage("ended");
  // Who came by a key manager signs out there too, and is sent back.
  location.assign(further ?? document.baseURI);
}
