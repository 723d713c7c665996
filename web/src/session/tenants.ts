import { queryOptions } from "@tanstack/react-query";

import { allQuery } from "../api/objects";
import type { Session } from "./session";

/** The names of the tenants that a session may look at. Only administrators of the default tenant see others. */
export function tenantsQuery(session: Session) {
  const operates = session.tenant === "default" && (session.roles ?? []).includes("admin");
  const all = allQuery("default", "tenants");
  return queryOptions({
    queryKey: ["session", "tenants", session.user, operates],
    staleTime: 60_000,
    queryFn: async (context) => {
      if (!operates) return [session.tenant];
      const tenants = (await all.queryFn?.({ ...context, queryKey: all.queryKey })) ?? [];
      return tenants.map((t) => t.metadata?.name ?? "");
    },
  });
}
