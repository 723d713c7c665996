import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { createObject, declared, forget, manifestSetOf, objectName, replaceObject, type Noun, type Nouns, type Stored } from "../api/objects";
import type { FieldError } from "../api/problem";
import { isProblem, ProblemError } from "../api/problem";
import { valueAt, withValue } from "./path";

/** What a form needs of the object that it changes. */
export interface Draft<N extends Noun> {
  object: Nouns[N];
  set: (object: Nouns[N]) => void;
  /** The value of a member, by its path below the manifest: at("spec", "issuer"). */
  at: (...path: string[]) => unknown;
  put: (value: unknown, ...path: string[]) => void;
  /** What the server said about a field, or about something inside it. */
  fault: (...path: string[]) => string | undefined;
  changed: boolean;
  /** The manifest set that owns the object: what is changed here is the edit to make there. */
  manifestSet: string | undefined;
  /** It is there to be read: fields show what they hold. */
  fixed: boolean;
}

interface Saving<N extends Noun> {
  draft: Draft<N>;
  /** What is stored, as far as this draft knows, with its version. */
  from: { object: Nouns[N]; etag?: string };
  save: () => void;
  pending: boolean;
  error: Error | null;
  /** Somebody else wrote the object since it was read. */
  conflict: boolean;
  /** Goes on from the version that is stored now, with this as the draft. */
  rebase: (stored: Stored<N>, draft: Nouns[N]) => void;
}

/** A change of an object that is not stored yet; it goes on from kept. base has no etag where the object is to be made. */
export function useDraft<N extends Noun>(
  tenant: string,
  noun: N,
  base: { object: Nouns[N]; etag?: string },
  fixed: boolean,
  kept: Nouns[N] | undefined,
  done: (object: Nouns[N]) => void,
): Saving<N> {
  const queries = useQueryClient();
  const [from, setFrom] = useState(base);
  const [object, set] = useState<Nouns[N]>(() => kept ?? (declared(noun, base.object) as Nouns[N]));
  const mutation = useMutation({
    mutationFn: (object: Nouns[N]) =>
      from.etag === undefined
        ? createObject(tenant, noun, object)
        : replaceObject(tenant, noun, objectName(from.object), object, from.etag),
    onSuccess: async (stored) => {
      await forget(queries, tenant, noun);
      done(stored);
    },
  });
  const faults: FieldError[] = mutation.error instanceof ProblemError ? mutation.error.fields : [];
  // What was said about a value that has changed since says nothing about the one that is there now.
  const asSent = (steps: readonly string[]) => isAsSent(steps.flatMap((step) => step.split(/[[\]]/).filter(Boolean)));
  const isAsSent = (path: readonly string[]) => JSON.stringify(valueAt(mutation.variables, path)) === JSON.stringify(valueAt(object, path));
  const draft: Draft<N> = {
    object,
    set,
    at: (...path) => valueAt(object, path),
    put: (value, ...path) => { set((old) => withValue(old, path, value)); },
    fault: (...path) => {
      const fault = faultAt(faults, path);
      return fault !== undefined && asSent(path) ? fault : undefined;
    },
    changed: JSON.stringify(object) !== JSON.stringify(declared(noun, from.object)),
    manifestSet: manifestSetOf(from.object),
    fixed,
  };
  return {
    draft,
    from,
    save: () => { mutation.mutate(object); },
    pending: mutation.isPending,
    error: faults.length > 0 && !faults.some((f) => asSent((/^[^[]*/.exec(f.path)?.[0] ?? "").split("."))) ? null : mutation.error,
    conflict: isProblem(mutation.error, "precondition_failed"),
    rebase: (stored, next) => {
      setFrom(stored);
      set(next);
      mutation.reset();
    },
  };
}

function faultAt(faults: FieldError[], path: readonly string[]): string | undefined {
  const wanted = path.join(".");
  const mine = faults.filter((f) => f.path === wanted || f.path.startsWith(`${wanted}.`) || f.path.startsWith(`${wanted}[`));
  return mine.length > 0 ? mine.map((f) => (f.path === wanted ? f.message : `${f.path.slice(wanted.length).replace(/^\./, "")}: ${f.message}`)).join("; ") : undefined;
}
