import { ApproveOrReject } from "./approve-or-reject";
import { Empty } from "./empty";
import { Page } from "./page";
import { DataTable, type Column } from "./table";
import type { rowsOf } from "./use-list";

interface Props<T> {
  words: { title: string; lead: string; emptyTitle: string; empty: string; decide: string };
  list: ReturnType<typeof rowsOf<T>>;
  columns: Column<T>[];
  /** Whether the person may decide. */
  may: boolean;
  /** What a dialog calls the request. */
  what: (request: T) => string;
  approve: (request: T) => Promise<void>;
  reject: (request: T, reason: string) => Promise<void>;
}

/** The page of what awaits somebody's yes or no. */
export function RequestList<T extends { id: string }>({ words, list, columns, may, what, approve, reject }: Props<T>) {
  return (
    <Page title={words.title} lead={words.lead}>
      <DataTable
        label={words.title}
        {...list}
        folds
        keyOf={(r) => r.id}
        empty={<Empty icon="check" title={words.emptyTitle}>{words.empty}</Empty>}
        columns={[
          ...columns,
          {
            title: words.decide,
            cell: (r) => <ApproveOrReject id={r.id} may={may} what={what(r)} approve={() => approve(r)} reject={(reason) => reject(r, reason)} />,
          },
        ]}
      />
    </Page>
  );
}
