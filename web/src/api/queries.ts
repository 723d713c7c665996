import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";

import { ProblemError } from "./problem";
import { sessionKey } from "./sessions";

/** Refusals are answers: asking again at once changes nothing. What did not answer is asked twice more. */
function retry(failures: number, error: Error): boolean {
  return error instanceof ProblemError && error.code === "unreachable" && failures < 2;
}

// A session that ended shows at whatever was asked next. The session is then asked for anew, and the page asks to sign in
// when there is none; once that is known it need not be found out again.
function endedSession(error: Error): void {
  if (error instanceof ProblemError && error.status === 401 && queries.getQueryData(sessionKey) !== null) {
    void queries.invalidateQueries({ queryKey: sessionKey });
  }
}

/** The only place where state of the server is kept. */
export const queries: QueryClient = new QueryClient({
  // The control plane may be on this very machine: whether the browser thinks that it is online says nothing about it, and what is
  // saved while nothing answers fails at once, instead of waiting without a word and being sent when nobody expects it.
  defaultOptions: {
    queries: { retry, staleTime: 5_000, networkMode: "always" },
    mutations: { retry: false, networkMode: "always" },
  },
  queryCache: new QueryCache({
    onError: (error, query) => {
      if (query.queryKey[0] !== sessionKey[0]) endedSession(error);
    },
  }),
  mutationCache: new MutationCache({ onError: endedSession }),
});
