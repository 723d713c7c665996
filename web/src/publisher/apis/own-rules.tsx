import { Stack, TagsInput } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { nameInUse } from "../../api/publishing";
import type { Draft } from "../../object/draft";
import { asMembers, Cell, lacks, membersOf } from "../../object/member-rows";
import { RowTable, useTypedRows } from "../../object/row-table";
import { texts } from "../../texts";

const words = texts.publisher.apis;

/** A key manager whose tokens an API takes: its name, or what the API wants of its tokens beside that. */
export type Use = string | Schemas["KeyManagerUse"];

/** What the API wants of one key manager's tokens, for each that is chosen: their audiences, and what their scopes count as. */
export function OwnRules({ draft }: { draft: Draft<"apis"> }) {
  const value = draft.at("spec", "keyManagers") as "all" | Use[] | undefined;
  if (!Array.isArray(value) || draft.fixed) return null;
  return value.map((use, i) => (
    <Own
      key={nameInUse(use)}
      use={typeof use === "string" ? { name: use } : use}
      fault={(...path) => draft.fault("spec", `keyManagers[${i}]`, ...path)}
      change={(next) => { draft.put(value.map((one, at) => (at === i ? shortest(next) : one)), "spec", "keyManagers"); }}
    />
  ));
}

interface Props {
  use: Schemas["KeyManagerUse"];
  fault: (...path: string[]) => string | undefined;
  change: (next: Schemas["KeyManagerUse"]) => void;
}

function Own({ use, fault, change }: Props) {
  const put = (scopes: unknown) => { change({ ...use, scopes: scopes as Record<string, string> }); };
  const [rows, putRows] = useTypedRows(use.scopes, put, membersOf, asMembers);
  return (
    <Stack gap="sm">
      <TagsInput
        label={words.audiencesOf(use.name)}
        description={words.audiencesOfHelp}
        error={fault("audiences")}
        value={use.audiences ?? []}
        onChange={(audiences) => { change({ ...use, audiences }); }}
        clearable
      />
      <RowTable
        label={words.scopesFor(use.name)}
        help={words.scopesForHelp}
        add={words.addScope(use.name)}
        fresh={["", ""]}
        rows={rows}
        put={putRows}
        fixed={false}
        nameOf={([theirs]) => theirs || words.scopeRow}
        faultOf={(i) => lacks(rows, i) ?? fault("scopes", rows[i]?.[0] ?? "")}
        fault={rows.length === 0 ? fault("scopes") : undefined}
        columns={[
          { title: words.theirScope, cell: ([theirs, ours], put, said) => <Cell label={words.theirScope} value={theirs} fixed={false} fault={said} placeholder="Orders.Read" change={(typed) => { put([typed, ours]); }} /> },
          { title: words.ourScope, cell: ([theirs, ours], put) => <Cell label={words.ourScope} value={typeof ours === "string" ? ours : ""} fixed={false} placeholder="orders:read" change={(typed) => { put([theirs, typed]); }} /> },
        ]}
      />
    </Stack>
  );
}

// An entry with nothing beside its name is the name.
function shortest({ name, audiences, scopes }: Schemas["KeyManagerUse"]): Use {
  const more = { ...(audiences?.length && { audiences }), ...(scopes && { scopes }) };
  return Object.keys(more).length === 0 ? name : { name, ...more };
}
