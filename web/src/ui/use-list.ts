import { useInfiniteQuery } from "@tanstack/react-query";

import { listQuery, type Noun } from "../api/objects";
import { useTenant } from "../shell/place";
import { useSearch } from "./search-field";

/** What DataTable needs of a noun's list, narrowed by what the address says. */
export function useList<N extends Noun>(noun: N) {
  const tenant = useTenant();
  const search = useSearch();
  const list = useInfiniteQuery(listQuery(tenant, noun, search ? { search } : {}));
  return {
    search,
    rows: list.data?.pages.flatMap((page) => page.items),
    error: list.error,
    again: () => void list.refetch(),
    more: list.hasNextPage
      ? { load: () => void list.fetchNextPage(), loading: list.isFetchingNextPage }
      : undefined,
  };
}
