import { Select, TagsInput } from "@mantine/core";

import type { Schemas } from "../../api/client";
import type { Draft } from "../../object/draft";
import { without } from "../../object/path";
import { Cell } from "../../object/member-rows";
import type { Column } from "../../object/row-table";
import { ValueInput } from "../../object/value-input";
import { roles } from "../../session/areas";
import { texts } from "../../texts";
import { ListRows } from "./list-rows";

type Rule = Schemas["RoleRule"];

const words = texts.admin.signIn;

/** Which claims give people which role and groups: a table to write in. */
export function RoleRules({ draft }: { draft: Draft<"key-managers"> }) {
  const global = draft.at("spec", "global") === true;
  return (
    <ListRows<Rule>
      draft={draft}
      path={["spec", "signIn", "roles"]}
      label={words.rules}
      help={words.rulesHelp}
      add={words.add}
      fresh={{ claim: "groups", equals: "", role: "developer" }}
      nameOf={(rule) => words.rule(rule.claim)}
      minWidth={global ? 860 : 760}
      columns={columns(draft.fixed, global)}
    />
  );
}

function columns(fixed: boolean, global: boolean): Column<Rule>[] {
  const tenant: Column<Rule> = {
    title: words.tenant,
    cell: (rule, change) => (
      <Cell
        label={words.tenant}
        value={rule.tenant}
        placeholder="default"
        fixed={fixed}
        change={(typed) => { change(typed ? { ...rule, tenant: typed } : without(rule, "tenant")); }}
      />
    ),
  };
  return [
    {
      title: words.claim,
      cell: (rule, change, fault) => (
        <Cell label={words.claim} value={rule.claim} fixed={fixed} fault={fault} change={(claim) => { change({ ...rule, claim }); }} />
      ),
    },
    {
      title: words.equals,
      width: 230,
      cell: (rule, change) => <ValueInput label={words.equals} value={rule.equals} fixed={fixed} change={(equals) => { change({ ...rule, equals }); }} />,
    },
    {
      title: words.role,
      width: 140,
      cell: (rule, change) => (
        <Select
          aria-label={words.role}
          data={roles}
          value={rule.role ?? null}
          placeholder={words.noRole}
          disabled={fixed}
          clearable
          onChange={(role) => { change(role === null ? without(rule, "role") : { ...rule, role }); }}
        />
      ),
    },
    {
      title: words.groups,
      cell: (rule, change) => (
        <TagsInput
          aria-label={words.groups}
          value={rule.groups ?? []}
          disabled={fixed}
          onChange={(groups) => { change(groups.length > 0 ? { ...rule, groups } : without(rule, "groups")); }}
        />
      ),
    },
    ...(global ? [tenant] : []),
  ];
}
