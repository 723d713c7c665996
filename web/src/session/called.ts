import { useQuery } from "@tanstack/react-query";

import { sessionsQuery } from "../api/sessions";
import { administers } from "./areas";
import { useSession } from "./session";

/**
 * What to call people who own something, where it is known: who signed in through a key manager has a name there, which they see of
 * themselves, and administrators of whoever is signed in. undefined for users, who are called by their own name, and where nobody knows.
 */
export function useCalled(tenant: string, people: string[]): (user: string) => string | undefined {
  const session = useSession();
  const others = people.some((user) => user.includes("|") && user !== session.user);
  const seen = useQuery({ ...sessionsQuery(tenant, "everybody"), enabled: others && administers(session) }).data ?? [];
  return (user) => {
    if (!user.includes("|")) return undefined;
    return user === session.user ? session.name : seen.find((one) => one.user === user)?.name;
  };
}
