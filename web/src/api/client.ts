import createClient, { type Middleware } from "openapi-fetch";

import { serverPath } from "../base";
import { idleSeconds } from "./idle";
import { ProblemError, strangeAnswer, type Problem } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

const problems: Middleware = {
  async onResponse({ response }) {
    if (response.ok && isOurs(response)) return undefined;
    throw new ProblemError(await problemOf(response));
  },
  onError({ error }) {
    if (error instanceof ProblemError) return error;
    if (error instanceof DOMException && error.name === "AbortError") return error;
    return new ProblemError(strangeAnswer(0));
  },
};

/** Says how long nobody has done anything on this page: what it asks for by itself keeps no session alive. */
const idleness: Middleware = {
  onRequest({ request }) {
    request.headers.set("X-Keyward-Idle", String(idleSeconds()));
    return request;
  },
};

// The control plane answers in JSON, or with nothing. A proxy before it may answer in its place, with a page to sign in to it.
function isOurs({ headers }: Response): boolean {
  return headers.get("Content-Type")?.includes("json") ?? true;
}

async function problemOf(response: Response): Promise<Problem> {
  if (response.ok || !isOurs(response)) return strangeAnswer(response.status);
  const body = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined;
  return body?.code === undefined ? strangeAnswer(response.status) : (body as Problem);
}

/** The control plane's REST API, typed by its own OpenAPI document. A call that fails throws a ProblemError. */
export const client = createClient<paths>({
  baseUrl: serverPath,
  credentials: "same-origin",
  querySerializer: { array: { style: "form", explode: false } },
});
client.use(idleness, problems);

/** The body of an answer that has one. */
export function bodyOf<T>(answer: { data?: T }): T {
  if (answer.data === undefined) throw new ProblemError(strangeAnswer(204));
  return answer.data;
}
