/** How many entries a page of a list has. */
export const pageSize = 50;

/** What of an address says which page is asked for. */
interface Asked {
  limit: string;
  cursor?: string;
}

/** What an infinite query needs for a list of the REST API: read gives one page, which says where the next one begins. */
export function byPages<P extends { next?: string }>(read: (page: Asked, signal: AbortSignal) => Promise<P>) {
  return {
    initialPageParam: "",
    queryFn: ({ pageParam, signal }: { pageParam: string; signal: AbortSignal }) =>
      read({ limit: String(pageSize), ...(pageParam && { cursor: pageParam }) }, signal),
    getNextPageParam: (page: P) => page.next,
  };
}
