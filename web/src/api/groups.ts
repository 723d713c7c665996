import { queryOptions, useQueries } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { listPage, usersQuery } from "./objects";

/** Everybody who manages an application: people by name, groups as group/NAME. */
export function ownersOf(a: Schemas["Application"]): string[] {
  return a.spec.owners ?? (a.spec.owner ? [a.spec.owner] : []);
}

const prefix = "group/";

/** A group as an owner. */
export function ownerOf(group: string): string {
  return prefix + group;
}

/** The group that an owner is; undefined for a person. */
export function groupOf(owner: string): string | undefined {
  return owner.startsWith(prefix) ? owner.slice(prefix.length) : undefined;
}

/** Which rules of key managers put people into a group, and whom they did who is signed in. */
export function groupQuery(tenant: string, name: string) {
  return queryOptions({
    queryKey: [tenant, "groups", name],
    refetchInterval: 15_000,
    queryFn: async ({ signal }) => bodyOf(await client.GET("/api/v1/groups/{name}", { params: { path: { name }, query: { tenant } }, signal })),
  });
}

/** Whether no user of the tenant is in a group but this one. Whom the rules of key managers put there is not known before they come. */
function emptyQuery(tenant: string, group: string, but?: string) {
  return queryOptions({
    queryKey: [tenant, "users", "in", group, but],
    queryFn: async ({ signal }) => (await listPage(tenant, "users", { group, limit: "2" }, signal)).items.every((u) => u.metadata?.name === but),
  });
}

/** Those of the groups in which no user is, but one that is told; none that is not known yet. */
export function useEmptyGroups(tenant: string, groups: string[], but?: string): string[] {
  return useQueries({
    queries: groups.map((group) => emptyQuery(tenant, group, but)),
    combine: (all) => groups.filter((_, i) => all[i]?.data === true),
  });
}

/** The first applications that each of the groups owns. */
export function useOwnedBy(tenant: string, groups: string[]): { group: string; names: string[]; more: boolean }[] {
  return useQueries({
    queries: groups.map((group) => usersQuery(tenant, { noun: "applications", owner: ownerOf(group) })),
    combine: (all) => groups.flatMap((group, i) => (all[i]?.data && all[i].data.names.length > 0 ? [{ group, ...all[i].data }] : [])),
  });
}
