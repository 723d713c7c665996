import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { listPage, objectName, readObject, type Noun, type Nouns, type Page } from "./objects";
import { pageSize } from "./pages";
import { OvertakenError } from "./problem";

/** The nouns that an administrator can hold. */
const holdables = ["key-managers", "applications", "subscriptions", "oauth-clients"] as const;

export type Holdable = (typeof holdables)[number];

/** Whether objects of a noun can be held. */
export const holdable = (noun: Noun): noun is Holdable => (holdables as readonly Noun[]).includes(noun);

// The routes of the four nouns are alike; one stands for all.
const address = (noun: Holdable) => `/api/v1/${noun}/{name}/hold` as "/api/v1/applications/{name}/hold";
const liftAddress = (noun: Holdable) => `/api/v1/${noun}/{name}/unhold` as "/api/v1/applications/{name}/unhold";

/** Switches an object off on every gateway, whatever a manifest says. until is an RFC 3339 time. It gives the hold. */
export async function hold(tenant: string, noun: Holdable, name: string, reason: string, until?: string): Promise<Schemas["Hold"] | undefined> {
  const held = await client.POST(address(noun), {
    params: { path: { name }, query: { tenant } },
    body: { reason, ...(until !== undefined && { until }) },
  });
  return bodyOf(held).status?.hold;
}

/** Lifts a hold. */
export async function unhold(tenant: string, noun: Holdable, name: string): Promise<void> {
  await client.POST(liftAddress(noun), { params: { path: { name }, query: { tenant } } });
}

// What is undone is what was done, and not what somebody else did to the object since.
async function expectHeld(tenant: string, noun: Holdable, name: string, since: string | undefined): Promise<void> {
  const now = (await readObject(tenant, noun, name)).object.status?.hold;
  if (now?.since !== since) throw new OvertakenError();
}

/** Lifts the hold that was just set, unless somebody has lifted it or holds the object anew. */
export async function undoHold(tenant: string, noun: Holdable, name: string, set: Schemas["Hold"] | undefined): Promise<void> {
  await expectHeld(tenant, noun, name, set?.since);
  await unhold(tenant, noun, name);
}

/** Holds what was just lifted as it was held, unless somebody holds it anew already. */
export async function undoLift(tenant: string, noun: Holdable, name: string, lifted: Schemas["Hold"]): Promise<void> {
  await expectHeld(tenant, noun, name, undefined);
  await hold(tenant, noun, name, lifted.reason ?? "", lifted.until);
}

/** One object that is held. */
export interface Held {
  noun: Holdable;
  name: string;
  /** Of what belongs to one. */
  application?: string | undefined;
  hold: Schemas["Hold"];
}

/** All that is held, of one noun after the other, by pages. */
export function holdsQuery(tenant: string) {
  return infiniteQueryOptions({
    queryKey: [tenant, "holds"],
    refetchInterval: 15_000,
    initialPageParam: { at: 0, cursor: "" },
    queryFn: async ({ pageParam: { at, cursor }, signal }) => {
      const items: Held[] = [];
      let after: string | undefined = cursor;
      for (let i = at; ; i++, after = "") {
        const noun = holdables[i];
        if (noun === undefined) return { items };
        const limit = pageSize - items.length;
        const page: Page<Nouns[Holdable]> = await listPage(tenant, noun, { held: true, limit: String(limit), ...(after && { cursor: after }) }, signal);
        items.push(...heldOf(noun, page.items));
        if (page.next !== undefined) return { items, next: { at: i, cursor: page.next } };
        if (items.length >= pageSize) return { items, next: { at: i + 1, cursor: "" } };
      }
    },
    getNextPageParam: (page) => page.next,
  });
}

function heldOf(noun: Holdable, objects: Nouns[Holdable][]): Held[] {
  return objects.flatMap((o) => {
    const hold = o.status?.hold;
    const application = "application" in o.spec ? o.spec.application : undefined;
    return hold ? [{ noun, name: objectName(o), application, hold }] : [];
  });
}

/** The hold of one object, as far as the person sees it; null where nobody holds it. */
export function holdQuery(tenant: string, noun: Holdable, name: string) {
  return queryOptions({
    queryKey: [tenant, noun, "held", name],
    staleTime: 15_000,
    queryFn: () => askTogether(tenant, noun, name),
  });
}

/** Names of one noun that are asked about with one question. */
interface Question {
  names: Set<string>;
  answer: Promise<Map<string, Schemas["Hold"]>>;
}

/** As many names has a question at most; the server takes no more. */
const most = 100;

const asking = new Map<string, Question>();

// What a page draws at once asks at once: its objects of a noun are one question, however many are held elsewhere.
async function askTogether(tenant: string, noun: Holdable, name: string): Promise<Schemas["Hold"] | null> {
  const at = `${tenant} ${noun}`;
  let question = asking.get(at);
  if (question === undefined || question.names.size >= most) {
    const names = new Set<string>();
    const asked = new Promise<void>((begin) => setTimeout(begin)).then(() => {
      if (asking.get(at)?.names === names) asking.delete(at);
      return listPage(tenant, noun, { held: true, names: [...names], limit: String(most) }, new AbortController().signal);
    });
    question = { names, answer: asked.then((page: Page<Nouns[Holdable]>) => new Map(heldOf(noun, page.items).map((one) => [one.name, one.hold]))) };
    asking.set(at, question);
  }
  question.names.add(name);
  return (await question.answer).get(name) ?? null;
}
