import type { Draft } from "../../object/draft";
import { RowTable, type Rows } from "../../object/row-table";

/** Where in the manifest the rows are. */
export interface Place {
  draft: Draft<"key-managers">;
  path: string[];
}

type Given<R> = Place & Omit<Rows<R>, "path" | "rows" | "put" | "fixed" | "faultOf" | "fault">;

/** Rows that are a list of the manifest. */
export function ListRows<R>({ draft, path, ...table }: Given<R>) {
  const value = draft.at(...path);
  const rows = Array.isArray(value) ? (value as R[]) : [];
  return (
    <RowTable
      {...table}
      path={path}
      rows={rows}
      put={(next) => { draft.put(next.length > 0 ? next : undefined, ...path); }}
      fixed={draft.fixed}
      faultOf={(i) => draft.fault(...path.slice(0, -1), `${path.at(-1) ?? ""}[${i}]`)}
      fault={rows.length === 0 ? draft.fault(...path) : undefined}
    />
  );
}
