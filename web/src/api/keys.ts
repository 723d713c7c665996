import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { objectKey } from "./objects";

/** Where an application's client is: in which key manager, for which environment. */
export interface KeyPlace {
  keyManager: string;
  environment: string;
}

const application = (tenant: string, name: string) => ({ path: { name }, query: { tenant } });

/** Which of an application's clients, and how many of them at most. */
interface WhichKeys extends Partial<KeyPlace> {
  /** Only those whose tokens this API takes. */
  api?: string;
  /** Only those that tokens are got with. */
  usable?: boolean;
  search?: string;
  limit?: string;
}

/** The first of an application's clients, without secrets, and whether there are more. It is asked anew while something is under way. */
export function keysQuery(tenant: string, name: string, which: WhichKeys = {}) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "applications", name), "keys", which],
    queryFn: async ({ signal }) => {
      const params = { path: { name }, query: { tenant, ...which } };
      const page = bodyOf(await client.GET("/api/v1/applications/{name}/keys", { params, signal }));
      return { keys: page.items ?? [], more: page.next !== undefined };
    },
    refetchInterval: (query) => Math.min(30_000, ...(query.state.data?.keys ?? []).map(({ status }) => soon(status))),
  });
}

/** Which places at which an application may have keys, and how many of them at most. */
interface KeyOptions {
  environment?: string;
  keyManager?: string;
  search?: string;
  limit: string;
}

/** The first of these places, and whether there are more: those first where the application has keys. */
export function keyOptionsQuery(tenant: string, name: string, which: KeyOptions) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "applications", name), "key-options", which],
    queryFn: async ({ signal }) => {
      const params = { path: { name }, query: { tenant, ...which } };
      const page = bodyOf(await client.GET("/api/v1/applications/{name}/key-options", { params, signal }));
      return { options: page.items ?? [], more: page.next !== undefined };
    },
    refetchInterval: (query) => (query.state.data?.options ?? []).some((o) => underWay(o.state ?? "")) && 2_000,
  });
}

/** Whether the server has still to answer: the state will change by itself. */
export function underWay(state: string): boolean {
  return ["pending", "rotating", "updating", "deleting", "revoking"].includes(state);
}

// In how many milliseconds a key may look otherwise: a server answers, gives what subscriptions give, or somebody approves it.
function soon({ state, entitlement }: Schemas["ListedKeys"]["status"]): number {
  if (underWay(state) || (state === "active" && entitlement?.state === "waiting")) return 2_000;
  return state === "awaiting" ? 10_000 : 30_000;
}

/** The type of one key manager, with the fields of developers and the constraints on them. */
export function developerTypeQuery(tenant: string, keyManager: string) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "key-managers", keyManager), "type"],
    staleTime: 60_000,
    queryFn: async ({ signal }) => {
      const answer = await client.GET("/api/v1/key-manager-types", { params: { query: { tenant, keyManager } }, signal });
      return bodyOf(answer).items?.[0];
    },
  });
}

export async function generate(tenant: string, name: string, body: Schemas["GenerateBody"]): Promise<Schemas["Keys"]> {
  return bodyOf(await client.POST("/api/v1/applications/{name}/keys", { params: application(tenant, name), body }));
}

export async function map(tenant: string, name: string, body: Schemas["MapBody"]): Promise<Schemas["Keys"]> {
  return bodyOf(await client.POST("/api/v1/applications/{name}/keys/map", { params: application(tenant, name), body }));
}

export async function rotate(tenant: string, name: string, body: Schemas["RotateBody"]): Promise<Schemas["Keys"]> {
  return bodyOf(await client.POST("/api/v1/applications/{name}/keys/rotate", { params: application(tenant, name), body }));
}

export async function token(tenant: string, name: string, body: Schemas["KeysTokenBody"]): Promise<Schemas["AccessToken"]> {
  return bodyOf(await client.POST("/api/v1/applications/{name}/keys/token", { params: application(tenant, name), body }));
}

/** What can be done with a client and needs nothing but its place. */
export type PlaceAction = "revoke" | "delete" | "retry" | "cancel" | "dismiss" | "reveal" | "mend";

// These routes are alike; one stands for all.
const actionAddress = (action: PlaceAction) =>
  `/api/v1/applications/{name}/keys/${action}` as "/api/v1/applications/{name}/keys/retry";

export async function act(
  tenant: string,
  name: string,
  action: PlaceAction,
  place: KeyPlace,
): Promise<Schemas["Keys"] | undefined> {
  const answer = await client.POST(actionAddress(action), { params: application(tenant, name), body: place });
  return answer.data;
}
