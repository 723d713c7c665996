import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { kindOf, objectKey, type Noun } from "./objects";
import { byPages } from "./pages";

export type Gateway = Schemas["SeenGateway"];

/** Whether gateways hold anything of a noun's objects, so that a change of one has a way to go. */
export function onGateways(noun: Noun): boolean {
  return noun !== "users" && noun !== "tenants";
}

/** What every query about gateways is kept under: they belong to no tenant. */
export const gatewaysKey = ["/installation", "gateways"] as const;

/** The gateways by pages, narrowed by the server, with how many are in which state. It asks again every second. */
export function gatewaysQuery(search: string, state: string) {
  return infiniteQueryOptions({
    queryKey: [...gatewaysKey, "list", search, state],
    refetchInterval: 1_000,
    ...byPages(async (page, signal) =>
      bodyOf(await client.GET("/api/v1/gateways", { params: { query: { state, ...(search && { search }), ...page } }, signal })),
    ),
  });
}

/** One gateway with its state. */
export function gatewayQuery(name: string) {
  return queryOptions({
    queryKey: [...gatewaysKey, "one", name],
    refetchInterval: 1_000,
    queryFn: async ({ signal }) => bodyOf(await client.GET("/api/v1/gateways/{name}", { params: { path: { name } }, signal })),
  });
}

/** The last changes with the gateways that have each; of one gateway, those that it lacks. */
export function changesQuery(gateway?: string) {
  return queryOptions({
    queryKey: [...gatewaysKey, "changes", gateway ?? ""],
    refetchInterval: 1_000,
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/changes", { params: { query: { ...(gateway !== undefined && { gateway }) } }, signal })).items ?? [],
  });
}

/** Of each gateway group that holds an object, the change with which it got the present form. */
export function inForceQuery(tenant: string, noun: Noun, name: string) {
  return queryOptions<Schemas["Change"][]>({
    queryKey: [...objectKey(tenant, noun, name), "in force"],
    refetchInterval: (query) => (query.state.data?.some((change) => change.there < change.of) ? 1_000 : 5_000), // on its way it is watched
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/changes", { params: { query: { tenant, kind: kindOf[noun], name } }, signal })).items ?? [],
  });
}

/** How far a change has come that was committed before this was first asked. */
export interface Reach {
  /** A gateway at this revision has it. */
  revision: number;
  there: number;
  /** How many gateways are in use and have reported. */
  all: number;
  /** The first gateways that lack it. */
  lacking: Gateway[];
}

/** How far everything has come that was committed until now; id tells one change from the next. */
export function reachQuery(id: number) {
  return queryOptions<Reach>({
    queryKey: [...gatewaysKey, "reach", id],
    staleTime: 0,
    gcTime: 60_000,
    refetchInterval: (query) => (query.state.data && waiting(query.state.data).length === 0 ? 3_000 : 400),
    queryFn: async ({ signal, client: cache, queryKey }): Promise<Reach> => {
      const revision = cache.getQueryData<Reach>(queryKey)?.revision;
      const page = bodyOf(
        await client.GET("/api/v1/gateways", {
          params: { query: { state: "lacking", limit: "500", ...(revision !== undefined && { revision: String(revision) }) } },
          signal,
        }),
      );
      const wanted = revision ?? Math.max(0, ...Object.values(page.revisions));
      const lacking = (page.items ?? []).filter((g) => g.revision < wanted);
      const { upToDate = 0, behind = 0, stale = 0, away = 0 } = page.counts;
      const all = upToDate + behind + stale + away;
      return { revision: wanted, there: all - lacking.length, all, lacking };
    },
  });
}

/** Those that are connected and will have it soon. */
export function waiting(reach: Reach): Gateway[] {
  return reach.lacking.filter((g) => g.state === "behind");
}

/** Makes the credential of one gateway; its value is in the answer and never again. */
export async function createGateway(body: Schemas["GatewayBody"]): Promise<Schemas["GatewayAnswer"]> {
  return bodyOf(await client.POST("/api/v1/gateways", { body }));
}

export async function revokeGateway(name: string): Promise<void> {
  await client.POST("/api/v1/gateways/{name}/revoke", { params: { path: { name } } });
}
