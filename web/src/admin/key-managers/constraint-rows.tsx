import { NumberInput, Select, TagsInput } from "@mantine/core";

import type { ConnectorField, ConnectorType } from "../../api/key-managers";
import { Cell, membersOf } from "../../object/member-rows";
import { RowTable, useTypedRows } from "../../object/row-table";
import { texts } from "../../texts";
import type { Place } from "./list-rows";

const words = texts.admin.keyManagerForm;

interface Rule {
  field: string;
  rule: string;
  value: unknown;
}

const rulesOf = (value: unknown): Rule[] =>
  membersOf(value).flatMap(([field, rules]) => membersOf(rules).map(([rule, given]) => ({ field, rule, value: given })));

// Each rule of a field once; one without a field or a value is in no manifest.
function asConstraints(rows: Rule[]): unknown {
  const all = new Map<string, Record<string, unknown>>();
  for (const { field, rule, value } of rows) {
    const rules = all.get(field) ?? {};
    if (field === "" || isEmpty(value) || rule in rules) continue;
    all.set(field, { ...rules, [rule]: value });
  }
  return all.size > 0 ? Object.fromEntries(all) : undefined;
}

const isEmpty = (value: unknown) => value === undefined || value === "" || (Array.isArray(value) && value.length === 0);

const list = (name: string, title: string): ConnectorField => ({ name, title, type: "list", rules: ["regex", "enum"] });

/** What developers may give for the fields of a client. */
export function ConstraintRows({ draft, path, type }: Place & { type: ConnectorType | undefined }) {
  const { fixed } = draft;
  const [rows, put] = useTypedRows(draft.at(...path), (value) => { draft.put(value, ...path); }, rulesOf, asConstraints);
  const fields = [
    ...(type?.developerFields ?? []).filter((f) => (f.rules ?? []).length > 0),
    list("callbacks", words.constrained.callbacks), list("scopes", words.constrained.scopes), list("audiences", words.constrained.audiences),
  ];
  const fieldOf = (name: string) => fields.find((f) => f.name === name) ?? list(name, name);
  const named = (field: string) => (fields.some((f) => f.name === field) || field === "" ? fields : [...fields, fieldOf(field)]);
  return (
    <RowTable
      path={path}
      label={words.constraints}
      help={words.constraintsHelp}
      add={words.addConstraint}
      fresh={{ field: "", rule: "enum", value: undefined }}
      rows={rows}
      put={put}
      fixed={fixed}
      nameOf={(row) => (row.field ? fieldOf(row.field).title : words.row)}
      faultOf={(i) => {
        const row = rows[i];
        if (!row || row.field === "") return row && !isEmpty(row.value) ? words.noField : undefined;
        if (rows.findIndex((r) => r.field === row.field && r.rule === row.rule) < i) return texts.editor.twice;
        return draft.fault(...path, row.field, row.rule);
      }}
      fault={rows.length === 0 ? draft.fault(...path) : undefined}
      minWidth={600}
      columns={[
        {
          title: words.constrainedField,
          cell: (row, change, fault) => (
            <Select
              aria-label={words.constrainedField}
              data={named(row.field).map((f) => ({ value: f.name, label: f.title }))}
              value={row.field || null}
              disabled={fixed}
              error={fault}
              allowDeselect={false}
              onChange={(field) => { change({ field: field ?? "", rule: fieldOf(field ?? "").rules?.[0] ?? "enum", value: undefined }); }}
            />
          ),
        },
        {
          title: words.rule,
          width: 150,
          cell: (row, change) => (
            <Select
              aria-label={words.rule}
              data={(fieldOf(row.field).rules ?? []).map((rule) => ({ value: rule, label: words.rules[rule] ?? rule }))}
              value={row.rule}
              disabled={fixed}
              allowDeselect={false}
              onChange={(rule) => { change({ ...row, rule: rule ?? "enum", value: undefined }); }}
            />
          ),
        },
        {
          title: words.ruleValue,
          cell: (row, change) => <RuleValue field={fieldOf(row.field)} row={row} fixed={fixed} change={(value) => { change({ ...row, value }); }} />,
        },
      ]}
    />
  );
}

function RuleValue({ field, row, fixed, change }: { field: ConnectorField; row: Rule; fixed: boolean; change: (value: unknown) => void }) {
  const { rule, value } = row;
  if (rule === "min" || rule === "max") {
    return (
      <NumberInput
        aria-label={words.ruleValue}
        value={typeof value === "number" ? value : ""}
        disabled={fixed}
        allowDecimal={false}
        onChange={(typed) => { change(typeof typed === "number" ? typed : undefined); }}
      />
    );
  }
  if (rule === "enum") {
    return (
      <TagsInput
        aria-label={words.ruleValue}
        data={field.type === "boolean" ? ["true", "false"] : (field.enum ?? [])}
        value={Array.isArray(value) ? value.map(String) : []}
        disabled={fixed}
        onChange={(typed) => { change(typed.map((one) => inType(field, one))); }}
      />
    );
  }
  return <Cell label={words.ruleValue} value={typeof value === "string" ? value : undefined} fixed={fixed} placeholder="https://.*" change={change} />;
}

// A text as a value of the field's own type; one that is none stays, and the server says so.
function inType({ type }: ConnectorField, text: string): unknown {
  if (type === "integer" && /^-?\d+$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
