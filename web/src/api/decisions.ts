import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { isProblem } from "./problem";

export type Decision = Schemas["Record"];

/** The call that was decided on, as people name one: method, API and operation. */
export function callOf({ method, api, operation }: Decision): string {
  return [method, api, operation].filter(Boolean).join(" ");
}

/** Calls that were refused alike: the newest of them, and how many there are. */
export interface Alike {
  latest: Decision;
  times: number;
}

/** What makes decisions alike: the same operation, decided for the same reason, with tokens of the same key manager. */
export function kindOf(decision: Decision): string {
  return JSON.stringify([decision.code, callOf(decision), decision.keyManager]);
}

/** Decisions, the newest first, put together where they are alike. */
export function alike(decisions: Decision[]): Alike[] {
  const found = new Map<string, Alike>();
  for (const d of decisions) {
    const kind = kindOf(d);
    const before = found.get(kind);
    if (before) before.times++;
    else found.set(kind, { latest: d, times: 1 });
  }
  return [...found.values()];
}

/** What decisions are narrowed to; the gateways do it. */
export interface DecisionFilter {
  keyManager?: string;
  api?: string;
  application?: string;
  code?: string;
  gateway?: string;
  /** Only calls that did not pass. */
  refused?: boolean;
}

async function decisions(tenant: string, query: DecisionFilter & { limit: string; since?: string }, signal: AbortSignal) {
  return bodyOf(await client.GET("/api/v1/decisions", { params: { query: { tenant, ...query } }, signal }));
}

/** The newest few of the gateways' recent decisions, asked for again every two seconds. */
export function decisionsQuery(tenant: string, filter: DecisionFilter, most: number) {
  return queryOptions({
    queryKey: [tenant, "decisions", "newest", filter, most],
    refetchInterval: 2_000,
    queryFn: ({ signal }) => decisions(tenant, { ...filter, limit: String(most) }, signal),
  });
}

/** Decisions as they come: the newest, at most tailLength of them, and how many came since it was first asked. */
export interface Tail {
  rows: Decision[];
  total: number;
  /** What the gateways that did not answer are told of as. */
  silent: Pick<Schemas["Decisions"], "away" | "silent">;
}

/** How many decisions a tail holds, however long it is followed. */
const tailLength = 60;

/** How many a question is answered with at most, and how far back it asks: not all gateways' clocks and answers are equally fast. */
const [askedFor, overlap] = [200, 2_000];

/** Follows the gateways' decisions, once a second. Each question is for what is new. */
export function tailQuery(tenant: string, filter: DecisionFilter) {
  return queryOptions<Tail>({
    queryKey: [tenant, "decisions", "tail", filter],
    staleTime: 0,
    refetchInterval: (query) => !isProblem(query.state.error, "invalid_input") && 1_000, // what it is narrowed to stays wrong
    queryFn: async ({ signal, client: cache, queryKey }): Promise<Tail> => {
      const before = cache.getQueryData<Tail>(queryKey);
      const newest = before?.rows[0]?.at;
      const since = newest === undefined ? {} : { since: new Date(Date.parse(newest) - overlap).toISOString() };
      const answer = await decisions(tenant, { ...filter, limit: String(newest === undefined ? tailLength : askedFor), ...since }, signal);
      return grown(before, answer.items ?? [], answer);
    },
  });
}

// The newest first. As texts times have no order: their fractions of a second end where zeros would follow.
const order = (a: Decision, b: Decision) => Date.parse(b.at) - Date.parse(a.at);

// What was there goes on where the answer reaches back to it; otherwise too many came, and what was there is not next to them.
// What is older than the oldest that is held was counted before it fell out: the overlap asks for it once more.
function grown(before: Tail | undefined, answer: Decision[], silent: Tail["silent"]): Tail {
  const known = new Set(before?.rows.map((d) => d.decision));
  const anew = new Map(answer.map((d) => [d.decision, d])); // a call that passed may have failed at its backend since
  const oldest = before?.rows[tailLength - 1];
  const fresh = answer.filter((d) => (oldest === undefined || order(d, oldest) < 0) && !known.has(d.decision));
  const apart = fresh.length === askedFor;
  const rows = [...fresh, ...(apart ? [] : (before?.rows ?? []).map((d) => anew.get(d.decision) ?? d))].sort(order);
  return { rows: rows.slice(0, tailLength), total: (before?.total ?? 0) + fresh.length, silent };
}

/** One decision with its steps. Its id is in X-Keyward-Decision and in the refused caller's problem document. */
export function decisionQuery(tenant: string, id: string) {
  return queryOptions({
    queryKey: [tenant, "decisions", "one", id],
    staleTime: Infinity,
    queryFn: async ({ signal }) =>
      bodyOf(await client.GET("/api/v1/decisions/{name}", { params: { path: { name: id }, query: { tenant } }, signal })),
  });
}
