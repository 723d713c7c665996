import { useInfiniteQuery } from "@tanstack/react-query";

import { listQuery, type Narrowed, type Noun } from "../api/objects";
import { useTenant } from "../shell/place";
import { useSearch } from "./search-field";

/** What DataTable needs of a noun's list, narrowed by what the address says. */
export function useList<N extends Noun>(noun: N) {
  const search = useSearch();
  return { search, ...useListOf(noun, search ? { search } : {}) };
}

/** The same, narrowed by what is given. */
export function useListOf<N extends Noun>(noun: N, narrowed: Narrowed) {
  const list = useInfiniteQuery(listQuery(useTenant(), noun, narrowed));
  return {
    rows: list.data?.pages.flatMap((page) => page.items),
    error: list.error,
    again: () => void list.refetch(),
    more: list.hasNextPage
      ? { load: () => void list.fetchNextPage(), loading: list.isFetchingNextPage }
      : undefined,
  };
}
