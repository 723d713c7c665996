import { queryOptions } from "@tanstack/react-query";

import type { Schemas } from "./client";
import { listPage, type Noun, type Nouns } from "./objects";

/** The hold of an object of a noun that can be held. */
export function holdOf(object: Nouns[Noun]): Schemas["Hold"] | undefined {
  return object.status && "hold" in object.status ? object.status.hold : undefined;
}

/** One object that search found. */
export interface Found {
  noun: Noun;
  name: string;
  title: string;
  hold?: Schemas["Hold"] | undefined;
}

/** The first few objects of a noun that have the text in what people look for. */
export function foundQuery(tenant: string, noun: Noun, search: string) {
  return queryOptions({
    queryKey: [tenant, noun, "found", search],
    queryFn: async ({ signal }): Promise<Found[]> => {
      const page = await listPage(tenant, noun, { search, limit: "5" }, signal);
      return page.items.map((o) => {
        const name = o.metadata?.name ?? "";
        const spec = o.spec as { displayName?: string; title?: string };
        return { noun, name, title: spec.displayName ?? spec.title ?? name, hold: holdOf(o) };
      });
    },
  });
}
