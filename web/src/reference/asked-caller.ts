import { useSearchParams } from "react-router";

import type { Caller } from "./caller";
import type { Operation } from "./operations";

/** As whom an API is to be called, where somebody comes from an application's key: the address says it. */
export function useAskedCaller(): Caller | undefined {
  const [params] = useSearchParams();
  const [application, keyManager] = [params.get("application"), params.get("key-manager")];
  if (application === null || keyManager === null) return undefined;
  const environment = params.get("environment") ?? "production";
  return { as: "application", application, environment, keyManager, scopes: [] };
}

/** The operation that is called with the least to fill in: one that reads, with nothing in its path that varies. */
export function easiest(operations: Operation[]): Operation | undefined {
  const reads = operations.filter((o) => o.method === "GET" || o.method === "*");
  return reads.find((o) => !/[{*]/.test(o.path)) ?? reads[0] ?? operations[0];
}
