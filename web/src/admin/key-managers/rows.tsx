import { Button, Group, Select, Stack, TagsInput } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { asMembers, Cell, lacks, membersOf, type Member } from "../../object/member-rows";
import { RowTable, useTypedRows, type Column } from "../../object/row-table";
import { ValueInput } from "../../object/value-input";
import { texts } from "../../texts";
import { ListRows, type Place } from "./list-rows";

const words = texts.admin.keyManagerForm;

/** Which claims are copied into the token for the backend, and what they are called there. */
export function MappingRows({ draft, path }: Place) {
  const cell = (name: "from" | "to", label: string): Column<Schemas["ClaimMapping"]> => ({
    title: label,
    cell: (row, change, fault) => <Cell label={label} value={row[name]} fixed={draft.fixed} fault={fault} change={(typed) => { change({ ...row, [name]: typed }); }} />,
  });
  return (
    <ListRows
      draft={draft}
      path={path}
      label={words.mapping}
      help={words.mappingHelp}
      add={words.addMapping}
      fresh={{ from: "", to: "" }}
      nameOf={(row) => row.from || words.row}
      columns={[cell("from", words.claim), cell("to", words.calledThere)]}
    />
  );
}

/** Scopes that a token has because of another claim. */
export function GrantRows({ draft, path }: Place) {
  const { fixed } = draft;
  return (
    <ListRows<Schemas["Grant"]>
      draft={draft}
      path={path}
      label={words.grants}
      help={words.grantsHelp}
      add={words.addGrant}
      fresh={{ claim: "", equals: "", scopes: [] }}
      nameOf={(row) => row.claim || words.row}
      minWidth={600}
      columns={[
        { title: words.claim, cell: (row, change, fault) => <Cell label={words.claim} value={row.claim} fixed={fixed} fault={fault} change={(claim) => { change({ ...row, claim }); }} /> },
        { title: words.is, width: 230, cell: (row, change) => <ValueInput label={words.is} value={row.equals} fixed={fixed} change={(equals) => { change({ ...row, equals }); }} /> },
        {
          title: words.givesScopes,
          cell: (row, change) => <TagsInput aria-label={words.givesScopes} value={row.scopes ?? []} disabled={fixed} onChange={(scopes) => { change({ ...row, scopes }); }} />,
        },
      ]}
    />
  );
}

/** Claims that must have a value. */
export function RequireRows({ draft, path }: Place) {
  const { fixed } = draft;
  const [rows, put] = useTypedRows(draft.at(...path), (value) => { draft.put(value, ...path); }, membersOf, asMembers);
  return (
    <RowTable
      path={path}
      label={words.require}
      help={words.requireHelp}
      add={words.addRequired}
      fresh={["", ""]}
      rows={rows}
      put={put}
      fixed={fixed}
      nameOf={([name]) => name || words.row}
      faultOf={(i) => lacks(rows, i) ?? draft.fault(...path, rows[i]?.[0] ?? "")}
      fault={rows.length === 0 ? draft.fault(...path) : undefined}
      columns={[
        { title: words.claim, cell: ([name, value], change, fault) => <Cell label={words.claim} value={name} fixed={fixed} fault={fault} change={(typed) => { change([typed, value]); }} /> },
        { title: words.ruleValue, cell: ([name, value], change) => <ValueInput label={words.ruleValue} value={value} fixed={fixed} change={(typed) => { change([name, typed]); }} /> },
      ]}
    />
  );
}

type Match = Schemas["MatchRule"];

const matchKind = (rule: Match) => (rule.claims !== undefined ? "claims" : rule.regex !== undefined ? "regex" : "prefix");

const freshMatch: Record<string, Match> = { prefix: { prefix: "" }, regex: { regex: "" }, claims: { claims: {} } };

/** Which opaque tokens, and which JWTs of an issuer that several share, are the key manager's. */
export function MatchRows({ draft, path }: Place) {
  const { fixed } = draft;
  return (
    <ListRows<Match>
      draft={draft}
      path={path}
      label={words.match}
      help={words.matchHelp}
      add={words.addMatch}
      fresh={{ prefix: "" }}
      nameOf={(row) => row.prefix ?? row.regex ?? words.row}
      columns={[
        {
          title: words.matchBy,
          width: 210,
          cell: (row, change, fault) => (
            <Select
              aria-label={words.matchBy}
              data={words.matchKinds}
              value={matchKind(row)}
              disabled={fixed}
              error={fault}
              allowDeselect={false}
              onChange={(kind) => { change(freshMatch[kind ?? "prefix"] ?? { prefix: "" }); }}
            />
          ),
        },
        {
          title: words.matchValue,
          cell: (row, change) => {
            const kind = matchKind(row);
            if (kind === "claims") return <ClaimPairs value={row.claims} fixed={fixed} change={(claims) => { change({ claims }); }} />;
            const example = kind === "prefix" ? "ory_at_" : "[0-9a-f]{8}-[0-9a-f-]{27}";
            return <Cell label={words.matchValue} value={row[kind]} fixed={fixed} placeholder={example} change={(typed) => { change({ [kind]: typed }); }} />;
          },
        },
      ]}
    />
  );
}

// All of these claims together; there is always one to write.
function ClaimPairs({ value, fixed, change }: { value: unknown; fixed: boolean; change: (claims: Record<string, unknown>) => void }) {
  const read = (claims: unknown): Member[] => {
    const members = membersOf(claims);
    return members.length > 0 ? members : [["", ""]];
  };
  const [rows, put] = useTypedRows<Member>(value, (claims) => { change(claims as Record<string, unknown>); }, read, (all) => asMembers(all) ?? {});
  const at = (i: number, next: Member) => { put(rows.map((r, there) => (there === i ? next : r))); };
  return (
    <Stack gap={4}>
      {rows.map(([name, v], i) => (
        <Group key={i} gap={4} wrap="nowrap" align="flex-start">
          <Cell label={words.claim} value={name} fixed={fixed} fault={lacks(rows, i)} placeholder="tid" change={(typed) => { at(i, [typed, v]); }} />
          <ValueInput label={words.ruleValue} value={v} fixed={fixed} change={(typed) => { at(i, [name, typed]); }} />
        </Group>
      ))}
      {!fixed && (
        <Group>
          <Button size="compact-xs" variant="subtle" onClick={() => { put([...rows, ["", ""]]); }}>{words.andClaim}</Button>
        </Group>
      )}
    </Stack>
  );
}
