import { useSearchParams } from "react-router";

/** What the page's address narrows a list to, so that it can be shared and comes back with the browser's button. */
export function useNarrowed<N extends string>(names: readonly N[]) {
  const [params, setParams] = useSearchParams();
  const filter = Object.fromEntries(names.flatMap((name) => (params.get(name) ? [[name, params.get(name)]] : []))) as Partial<Record<N, string>>;
  // An empty value takes one away.
  const put = (changed: Record<string, string>) => {
    setParams((old) => {
      const next = new URLSearchParams(old);
      for (const [name, value] of Object.entries(changed)) {
        if (value) next.set(name, value);
        else next.delete(name);
      }
      return next;
    }, { replace: true });
  };
  return { params, filter, put };
}
