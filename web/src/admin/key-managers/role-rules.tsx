import { Select, TagsInput, TextInput } from "@mantine/core";

import type { Schemas } from "../../api/client";
import type { Draft } from "../../object/draft";
import { RowTable, type Column } from "../../object/row-table";
import { ValueInput } from "../../object/value-input";
import { roles } from "../../session/areas";
import { texts } from "../../texts";

type Rule = Schemas["RoleRule"];

const words = texts.admin.signIn;

const without = (rule: Rule, name: keyof Rule) => Object.fromEntries(Object.entries(rule).filter(([n]) => n !== name)) as Rule;

/** Which claims give people which role and groups: a table to write in. */
export function RoleRules({ draft }: { draft: Draft<"key-managers"> }) {
  const rules = (draft.at("spec", "signIn", "roles") ?? []) as Rule[];
  const global = draft.at("spec", "global") === true;
  return (
    <RowTable<Rule>
      label={words.rules}
      help={words.rulesHelp}
      rows={rules}
      put={(list) => { draft.put(list.length > 0 ? list : undefined, "spec", "signIn", "roles"); }}
      fixed={draft.fixed}
      add={words.add}
      fresh={{ claim: "groups", equals: "", role: "developer" }}
      nameOf={(rule) => words.rule(rule.claim)}
      faultOf={(i) => draft.fault("spec", "signIn", `roles[${i}]`)}
      fault={rules.length === 0 ? draft.fault("spec", "signIn", "roles") : undefined}
      minWidth={global ? 860 : 760}
      columns={columns(draft.fixed, global)}
    />
  );
}

function columns(fixed: boolean, global: boolean): Column<Rule>[] {
  const tenant: Column<Rule> = {
    title: words.tenant,
    cell: (rule, change) => (
      <TextInput
        aria-label={words.tenant}
        value={rule.tenant ?? ""}
        placeholder="default"
        disabled={fixed}
        onChange={({ currentTarget: { value } }) => { change(value ? { ...rule, tenant: value } : without(rule, "tenant")); }}
        spellCheck={false}
      />
    ),
  };
  return [
    {
      title: words.claim,
      cell: (rule, change, fault) => (
        <TextInput
          aria-label={words.claim}
          value={rule.claim}
          disabled={fixed}
          error={fault}
          onChange={(event) => { change({ ...rule, claim: event.currentTarget.value }); }}
          spellCheck={false}
        />
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
