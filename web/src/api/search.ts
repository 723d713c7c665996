import { queryOptions } from "@tanstack/react-query";

import { bodyOf, client } from "./client";
import { listPage, objectName, type Narrowed, type Noun, type Nouns } from "./objects";

/** What people call an object. */
export function titleOf(object: Nouns[Noun]): string {
  const spec = object.spec as { displayName?: string; title?: string };
  return spec.displayName ?? spec.title ?? objectName(object);
}

/** The first objects of a noun that have a text in what people look for, for a choice in a form, and whether there are more. */
export function choicesQuery<N extends Noun>(tenant: string, noun: N, search: string, narrowed: Narrowed = {}) {
  return queryOptions({
    queryKey: [tenant, noun, "choices", search, narrowed],
    queryFn: async ({ signal }) => {
      const page = await listPage(tenant, noun, { ...narrowed, ...(search && { search }), limit: "20" }, signal);
      return { found: page.items, more: page.next !== undefined };
    },
  });
}

/** Some objects of every kind that the person sees and that have a text in what people look for, the best first. */
export function everythingQuery(tenant: string, text: string) {
  return queryOptions({
    queryKey: [tenant, "search", text],
    queryFn: async ({ signal }) => bodyOf(await client.GET("/api/v1/search", { params: { query: { tenant, text } }, signal })).items,
  });
}
