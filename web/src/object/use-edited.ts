import { useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import { editedQuery, type Noun, type Stored } from "../api/objects";
import { useTenant } from "../shell/place";

/**
 * One object for a form: the version that was stored when somebody came to it, until they leave. Who comes back begins from what is
 * stored by then.
 */
export function useEdited<N extends Noun>(noun: N, name: string): Stored<N> {
  const tenant = useTenant();
  const queries = useQueryClient();
  const { data: stored } = useSuspenseQuery(editedQuery(tenant, noun, name));
  useEffect(() => () => { queries.removeQueries({ queryKey: editedQuery(tenant, noun, name).queryKey }); }, [queries, tenant, noun, name]);
  return stored;
}
