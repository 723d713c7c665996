import { useInfiniteQuery } from "@tanstack/react-query";

import { listQuery, type Narrowed, type Noun } from "../api/objects";
import { useTenant } from "../shell/place";
import { useSearch } from "./search-field";

/** What an infinite query gives that a listing needs. */
interface Paged<T> {
  data: { pages: { items: T[] | null }[] } | undefined;
  error: Error | null;
  refetch: () => Promise<unknown>;
  hasNextPage: boolean;
  fetchNextPage: () => Promise<unknown>;
  isFetchingNextPage: boolean;
}

/** What DataTable needs of the pages that were fetched. */
export function rowsOf<T>(list: Paged<T>) {
  return {
    rows: list.data?.pages.flatMap((page) => page.items ?? []),
    error: list.error,
    again: () => void list.refetch(),
    more: list.hasNextPage
      ? { load: () => void list.fetchNextPage(), loading: list.isFetchingNextPage }
      : undefined,
  };
}

/** The same of a noun's list, narrowed by what the address says. */
export function useList<N extends Noun>(noun: N) {
  const search = useSearch();
  return { search, ...useListOf(noun, search ? { search } : {}) };
}

/** The same, narrowed by what is given. */
export function useListOf<N extends Noun>(noun: N, narrowed: Narrowed) {
  return rowsOf(useInfiniteQuery(listQuery(useTenant(), noun, narrowed)));
}
