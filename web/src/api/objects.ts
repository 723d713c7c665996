import { infiniteQueryOptions, queryOptions, type QueryClient } from "@tanstack/react-query";

import { serverPath } from "../base";
import { bodyOf, client, type Schemas } from "./client";
import { byPages } from "./pages";

/** The nouns that are declared as manifests, by the plural in their address. Their routes have one shape. */
export interface Nouns {
  "key-managers": Schemas["KeyManager"];
  connections: Schemas["Connection"];
  apis: Schemas["API"];
  plans: Schemas["Plan"];
  applications: Schemas["Application"];
  subscriptions: Schemas["Subscription"];
  "oauth-clients": Schemas["OAuthClient"];
  tenants: Schemas["Tenant"];
  users: Schemas["User"];
}

export type Noun = keyof Nouns;

/** The name that an object is addressed by; empty while it is being made. */
export function objectName(object: Nouns[Noun]): string {
  return object.metadata?.name ?? "";
}

/** The kind that a manifest of the noun says. */
export const kindOf: Record<Noun, string> = {
  "key-managers": "KeyManager",
  connections: "Connection",
  apis: "API",
  plans: "Plan",
  applications: "Application",
  subscriptions: "Subscription",
  "oauth-clients": "OAuthClient",
  tenants: "Tenant",
  users: "User",
};

/** The noun of a kind; undefined where no page knows it. */
export function nounOf(kind: string): Noun | undefined {
  return (Object.keys(kindOf) as Noun[]).find((noun) => kindOf[noun] === kind);
}

/** One version of a stored object. */
export interface Stored<N extends Noun> {
  object: Nouns[N];
  etag: string;
}

export interface Page<T> {
  items: T[];
  next?: string;
}

// The client is typed by literal addresses. All nouns' routes are alike, so one of them stands for all here.
type AnyList = "/api/v1/applications";
type AnyMember = "/api/v1/applications/{name}";
const listRoute = (noun: Noun) => `/api/v1/${noun}` as AnyList;
const memberRoute = (noun: Noun) => `/api/v1/${noun}/{name}` as AnyMember;

/** The address of one object, for people who call it themselves. */
export function memberAddress(noun: Noun, name: string, tenant: string): string {
  return `${serverPath}/api/v1/${noun}/${encodeURIComponent(name)}?${new URLSearchParams({ tenant }).toString()}`;
}

/** What a list is narrowed to; the server does it. */
export interface Narrowed {
  search?: string;
  application?: string;
  api?: string;
  plan?: string;
  connection?: string;
  owner?: string;
  group?: string;
  /** Of users. */
  role?: string;
  held?: boolean;
  /** Of key managers. */
  enabled?: boolean;
  /** Of APIs. */
  context?: string;
  /** Of key managers and connections. */
  type?: string;
  /** Only those of these names, 100 at most. */
  names?: string[];
}

/** One page of a noun's objects. */
export async function listPage<N extends Noun>(
  tenant: string,
  noun: N,
  query: Narrowed & { limit: string; cursor?: string },
  signal: AbortSignal,
): Promise<Page<Nouns[N]>> {
  const answer = await client.GET(listRoute(noun), { params: { query: { tenant, ...query } }, signal });
  return bodyOf(answer) as unknown as Page<Nouns[N]>;
}

/** Every page of a noun's objects, the next one fetched when it is asked for. */
export function listQuery<N extends Noun>(tenant: string, noun: N, narrowed: Narrowed = {}) {
  return infiniteQueryOptions({
    queryKey: [tenant, noun, "list", narrowed],
    ...byPages((page, signal) => listPage(tenant, noun, { ...page, ...narrowed }, signal)),
  });
}

/** A list of those who use an object. */
export interface UserList extends Narrowed {
  noun: Noun;
  /** Where they are, if not in the object's own tenant. */
  tenant?: string;
}

/** The first few of such a list; nothing where the person may not see it. A tenant's own key manager goes with it. */
export function usersQuery(tenant: string, list: UserList) {
  const { noun, tenant: where = tenant, ...narrowed } = list;
  return queryOptions({
    queryKey: [where, noun, "users", narrowed],
    queryFn: async ({ signal }) => {
      const page = await listPage(where, noun, { ...narrowed, limit: "10" }, signal);
      const names = page.items.map(objectName).filter((name) => list.tenant === undefined || name !== "resident");
      return { names, more: page.next !== undefined };
    },
  });
}

/** The objects of a few names, 100 at most; those that are not there are not among them. */
export function namedQuery<N extends Noun>(tenant: string, noun: N, names: string[]) {
  const some = names.slice(0, 100).sort();
  return queryOptions({
    queryKey: [tenant, noun, "named", some],
    enabled: some.length > 0,
    queryFn: async ({ signal }) => (await listPage(tenant, noun, { names: some, limit: "100" }, signal)).items,
  });
}

/** Reads the version of an object that is stored now. */
export async function readObject<N extends Noun>(tenant: string, noun: N, name: string, signal?: AbortSignal): Promise<Stored<N>> {
  const answer = await client.GET(memberRoute(noun), { params: { path: { name }, query: { tenant } }, ...(signal && { signal }) });
  return { object: bodyOf(answer) as unknown as Nouns[N], etag: answer.response.headers.get("ETag") ?? "" };
}

/** What every query about one object is kept under: the object itself, and with more after it what belongs to it. */
export function objectKey(tenant: string, noun: Noun, name: string) {
  return [tenant, noun, "one", name] as const;
}

/** One object with the version it has. */
export function objectQuery<N extends Noun>(tenant: string, noun: N, name: string) {
  return queryOptions({
    queryKey: objectKey(tenant, noun, name),
    queryFn: ({ signal }) => readObject(tenant, noun, name, signal),
  });
}

/** One object for a form that changes it: the version that was stored when somebody came to the form. useEdited forgets it after that. */
export function editedQuery<N extends Noun>(tenant: string, noun: N, name: string) {
  return queryOptions({
    queryKey: [...objectKey(tenant, noun, name), "edited"],
    queryFn: ({ signal }) => readObject(tenant, noun, name, signal),
    staleTime: Infinity,
    gcTime: 10_000, // of a form that was never shown; slow machines take a while from the answer to the form
  });
}

/** Creates the object; one that exists already is a conflict. */
export async function createObject<N extends Noun>(tenant: string, noun: N, object: Nouns[N]): Promise<Nouns[N]> {
  const answer = await client.POST(listRoute(noun), {
    params: { query: { tenant } },
    body: declared(noun, object) as Schemas["Application"],
  });
  return bodyOf(answer) as unknown as Nouns[N];
}

/** Replaces the version that etag names. Where somebody wrote another one meanwhile it throws precondition_failed. */
export async function replaceObject<N extends Noun>(
  tenant: string,
  noun: N,
  name: string,
  object: Nouns[N],
  etag: string,
): Promise<Nouns[N]> {
  const answer = await client.PUT(memberRoute(noun), {
    params: { path: { name }, query: { tenant }, header: { "If-Match": etag } },
    body: declared(noun, object) as Schemas["Application"],
  });
  return bodyOf(answer) as unknown as Nouns[N];
}

/** Deletes an application, and with it its keys, at their servers too, and its subscriptions. It tells whether it is gone, or waits for a server. */
export async function deleteApplication(tenant: string, name: string, etag: string): Promise<boolean> {
  const answer = await client.DELETE("/api/v1/applications/{name}", {
    params: { path: { name }, query: { tenant, withKeys: true }, header: { "If-Match": etag } },
  });
  return answer.response.status !== 202;
}

/** Deletes the object that nobody uses. */
export async function deleteObject(tenant: string, noun: Noun, name: string, etag: string): Promise<void> {
  await client.DELETE(memberRoute(noun), {
    params: { path: { name }, query: { tenant }, header: { "If-Match": etag } },
  });
}

/** The manifest set that owns the object: it is changed there, not here. Undefined where none does. */
export function manifestSetOf(object: Nouns[Noun]): string | undefined {
  return object.status?.set;
}

/** The object as a manifest that can be applied: without what only the server says. */
export function declared<N extends Noun>(noun: N, object: Nouns[N]) {
  return {
    apiVersion: "keyward.dev/v1" as const,
    kind: kindOf[noun],
    metadata: object.metadata,
    spec: object.spec,
  };
}

/** Asks anew for everything that is known of a noun. */
export async function forget(queries: QueryClient, tenant: string, noun: Noun): Promise<void> {
  await queries.invalidateQueries({ queryKey: [tenant, noun] });
}

/** The same after one of them was deleted: nobody is asked about that one any more, whose page may still be there for a moment. */
export async function forgetDeleted(queries: QueryClient, tenant: string, noun: Noun, name: string): Promise<void> {
  const gone = objectKey(tenant, noun, name);
  await queries.invalidateQueries({ queryKey: [tenant, noun], predicate: ({ queryKey }) => !gone.every((part, i) => queryKey[i] === part) });
  await queries.invalidateQueries({ queryKey: gone, refetchType: "none" }); // taken away, it would be asked for by that page
}

/** Asks anew for one object, and for what belongs to it, such as an application's keys. */
export async function forgetObject(queries: QueryClient, tenant: string, noun: Noun, name: string): Promise<void> {
  await queries.invalidateQueries({ queryKey: objectKey(tenant, noun, name) });
}

/** Asks anew for everything that is known of a tenant, after what changes more than one object. */
export async function forgetTenant(queries: QueryClient, tenant: string): Promise<void> {
  await queries.invalidateQueries({ queryKey: [tenant] });
}
