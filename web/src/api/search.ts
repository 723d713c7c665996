import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client, type Schemas } from "./client";
import { listPage, type Noun, type Nouns } from "./objects";

/** The hold of an object of a noun that can be held. */
function holdOf(object: Nouns[Noun]): Schemas["Hold"] | undefined {
  return object.status && "hold" in object.status ? object.status.hold : undefined;
}

/** One object that search found. */
export interface Found {
  noun: Noun;
  name: string;
  title: string;
  hold?: Schemas["Hold"] | undefined;
}

/** What people call an object. */
export function titleOf(object: Nouns[Noun]): string {
  const spec = object.spec as { displayName?: string; title?: string };
  return spec.displayName ?? spec.title ?? object.metadata?.name ?? "";
}

/** The first few objects of a noun that have the text in what people look for. */
export function foundQuery(tenant: string, noun: Noun, search: string) {
  return queryOptions({
    queryKey: [tenant, noun, "found", search],
    queryFn: async ({ signal }): Promise<Found[]> => {
      const page = await listPage(tenant, noun, { search, limit: "5" }, signal);
      return page.items.map((o) => ({ noun, name: o.metadata?.name ?? "", title: titleOf(o), hold: holdOf(o) }));
    },
  });
}

/** The first objects of a noun that have the text, whole, for a choice in a form. */
export function choicesQuery<N extends Noun>(tenant: string, noun: N, search: string) {
  return queryOptions({
    queryKey: [tenant, noun, "choices", search],
    queryFn: async ({ signal }) => (await listPage(tenant, noun, { ...(search && { search }), limit: "20" }, signal)).items,
  });
}

/** Some objects of every kind that the person sees and that have the text in what people look for, the best first. */
export function everythingQuery(tenant: string, text: string) {
  return queryOptions({
    queryKey: [tenant, "search", text],
    queryFn: async ({ signal }) => bodyOf(await client.GET("/api/v1/search", { params: { query: { tenant, text } }, signal })).items,
  });
}
