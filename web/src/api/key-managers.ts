import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { objectKey } from "./objects";
import { ProblemError, strangeAnswer } from "./problem";

export type ConnectorType = Schemas["ConnectorType"];
export type ConnectorField = Schemas["ConnectorField"];

const place = (tenant: string, name: string) => ({ path: { name }, query: { tenant } });

/** The types of key managers, each with the fields that administrators and developers fill in. */
export function typesQuery(tenant: string) {
  return queryOptions({
    queryKey: [tenant, "key-manager-types"],
    staleTime: Infinity,
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/key-manager-types", { params: { query: { tenant } }, signal })).items ?? [],
  });
}

/** A form filled in from a server's metadata, with what differs. */
export async function discover(tenant: string, ask: Schemas["DiscoverBody"]): Promise<Schemas["Draft"]> {
  return bodyOf(await client.POST("/api/v1/key-managers/discover", { params: { query: { tenant } }, body: ask }));
}

/** What is known of one key manager's server. */
export function healthQuery(tenant: string, name: string) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "key-managers", name), "health"],
    refetchInterval: 15_000,
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/key-managers/{name}/health", { params: place(tenant, name), signal })),
  });
}

/** What was measured of it in the last six hours, the oldest first. */
export function historyQuery(tenant: string, name: string) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "key-managers", name), "history"],
    refetchInterval: 60_000,
    queryFn: async ({ signal }) =>
      bodyOf(
        await client.GET("/api/v1/key-managers/{name}/health/history", {
          params: { path: { name }, query: { tenant, limit: "500", since: new Date(Date.now() - 6 * 3_600_000).toISOString() } },
          signal,
        }),
      ).items ?? [],
  });
}

/** Everything that depends on it, and what disabling and deleting it would do. */
export function usagesQuery(tenant: string, name: string) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "key-managers", name), "usages"],
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/key-managers/{name}/usages", { params: place(tenant, name), signal })),
  });
}

/** The calls that its tokens made, by hour, and how they ended. */
export function trafficQuery(tenant: string, name: string) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "key-managers", name), "traffic"],
    refetchInterval: 30_000,
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/key-managers/{name}/traffic", { params: place(tenant, name), signal })),
  });
}

/** How its generated clients stand at its server. */
export function reconciliationQuery(tenant: string, name: string) {
  return queryOptions({
    queryKey: [...objectKey(tenant, "key-managers", name), "reconciliation"],
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/key-managers/{name}/reconciliation", { params: place(tenant, name), signal })),
  });
}

/** Looks at all of them at once. */
export async function reconcile(tenant: string, name: string): Promise<void> {
  await client.POST("/api/v1/key-managers/{name}/reconciliation", { params: place(tenant, name) });
}

/** Reads its keys now; gives what is known of its server then. */
export async function refreshKeys(tenant: string, name: string): Promise<Schemas["Health"]> {
  return bodyOf(await client.POST("/api/v1/key-managers/{name}/refresh-keys", { params: place(tenant, name) }));
}

export type ConsoleClientAct = "retry" | "rotate" | "dismiss";

/** Does something about the client that Keyward registered at a server for the console. */
export async function actOnConsoleClient(tenant: string, id: string, act: ConsoleClientAct): Promise<void> {
  await client.POST(`/api/v1/console-clients/{id}/${act}`, { params: { path: { id }, query: { tenant } } });
}

/** What is checked: a key manager that is stored, by its name, or one that is not, by its manifest. */
export type Checked = { name: string } | { manifest: unknown };

/** Runs the live checks; tell hears of each step as soon as it is known. It gives the report. */
export async function check(
  tenant: string,
  what: Checked,
  register: boolean,
  tell: (step: Schemas["Line"]) => void,
  signal: AbortSignal,
): Promise<Schemas["Report"]> {
  const headers = { Accept: "application/x-ndjson" };
  const answer =
    "name" in what
      ? await client.POST("/api/v1/key-managers/{name}/check", {
          params: { ...place(tenant, what.name), header: headers },
          body: { register },
          parseAs: "stream",
          signal,
        })
      : await client.POST("/api/v1/key-managers/check", {
          params: { query: { tenant }, header: headers },
          body: { manifest: what.manifest, register },
          parseAs: "stream",
          signal,
        });
  if (answer.response.body === null) throw new ProblemError(strangeAnswer(answer.response.status));
  for await (const line of linesOf(answer.data as ReadableStream<Uint8Array>)) {
    const event = JSON.parse(line) as Schemas["CheckEvent"];
    if (event.problem) throw new ProblemError(event.problem);
    if (event.step) tell(event.step);
    if (event.report) return event.report;
  }
  throw new ProblemError(strangeAnswer(0));
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    yield* lines.filter((line) => line !== "");
  }
  if (rest !== "") yield rest;
}

/** What the gateways make of a token by these settings. The token is not kept. */
export async function checkToken(tenant: string, what: Checked, token: string): Promise<Schemas["Judgement"]> {
  return "name" in what
    ? bodyOf(
        await client.POST("/api/v1/key-managers/{name}/check-token", { params: place(tenant, what.name), body: { token } }),
      )
    : bodyOf(
        await client.POST("/api/v1/key-managers/check-token", {
          params: { query: { tenant } },
          body: { manifest: what.manifest, token },
        }),
      );
}
