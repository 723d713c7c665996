import { ActionIcon, Button, Group, Select, Stack, Table, TagsInput, Text, TextInput, VisuallyHidden } from "@mantine/core";

import type { Schemas } from "../../api/client";
import type { Draft } from "../../object/draft";
import { roles } from "../../session/areas";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";

type Rule = Schemas["RoleRule"];

const words = texts.admin.signIn;

interface Props {
  draft: Draft<"key-managers">;
}

/** Which claims give people which role and groups: a table to write in. */
export function RoleRules({ draft }: Props) {
  const rules = (draft.at("spec", "signIn", "roles") ?? []) as Rule[];
  const put = (list: Rule[]) => { draft.put(list.length > 0 ? list : undefined, "spec", "signIn", "roles"); };
  const global = draft.at("spec", "global") === true;
  const whole = draft.fault("spec", "signIn", "roles");
  return (
    <Stack gap="xs">
      <Text fw={600} size="sm">{words.rules}</Text>
      <Text size="xs" c="dimmed">{words.rulesHelp}</Text>
      <Table.ScrollContainer minWidth={600} type="native" tabIndex={0} role="region" aria-label={words.rules}>
        <Table aria-label={words.rules} layout="fixed">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{words.claim}</Table.Th>
              <Table.Th>{words.equals}</Table.Th>
              <Table.Th w={170}>{words.role}</Table.Th>
              <Table.Th>{words.groups}</Table.Th>
              {global && <Table.Th>{words.tenant}</Table.Th>}
              <Table.Th w={48}><VisuallyHidden>{texts.common.delete}</VisuallyHidden></Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rules.map((rule, i) => (
              <RuleRow
                key={i}
                rule={rule}
                fixed={draft.fixed}
                global={global}
                fault={draft.fault("spec", "signIn", `roles[${i}]`)}
                change={(next) => { put(rules.map((r, at) => (at === i ? next : r))); }}
                remove={() => { put(rules.filter((_, at) => at !== i)); }}
              />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {rules.length === 0 && whole && <Text size="sm" c="red">{whole}</Text>}
      {!draft.fixed && (
        <Group>
          <Button
            variant="default"
            size="xs"
            leftSection={<Icon name="plus" size={14} />}
            onClick={() => { put([...rules, { claim: "groups", equals: "", role: "developer" }]); }}
          >
            {words.add}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

interface RowProps {
  rule: Rule;
  fixed: boolean;
  global: boolean;
  fault: string | undefined;
  change: (next: Rule) => void;
  remove: () => void;
}

function RuleRow({ rule, fixed, global, fault, change, remove }: RowProps) {
  const text = typeof rule.equals === "string";
  const without = (name: keyof Rule) => Object.fromEntries(Object.entries(rule).filter(([n]) => n !== name)) as Rule;
  return (
    <Table.Tr>
      <Table.Td>
        <TextInput
          aria-label={words.claim}
          value={rule.claim}
          disabled={fixed}
          error={fault}
          onChange={(event) => { change({ ...rule, claim: event.currentTarget.value }); }}
          spellCheck={false}
        />
      </Table.Td>
      <Table.Td>
        <TextInput
          aria-label={words.equals}
          value={text ? (rule.equals as string) : JSON.stringify(rule.equals)}
          disabled={fixed || !text}
          {...(!text && { title: words.notText })}
          onChange={(event) => { change({ ...rule, equals: event.currentTarget.value }); }}
          spellCheck={false}
        />
      </Table.Td>
      <Table.Td>
        <Select
          aria-label={words.role}
          data={roles}
          value={rule.role ?? null}
          placeholder={words.noRole}
          disabled={fixed}
          clearable
          onChange={(role) => { change(role === null ? without("role") : { ...rule, role }); }}
        />
      </Table.Td>
      <Table.Td>
        <TagsInput
          aria-label={words.groups}
          value={rule.groups ?? []}
          disabled={fixed}
          onChange={(groups) => { change(groups.length > 0 ? { ...rule, groups } : without("groups")); }}
        />
      </Table.Td>
      {global && (
        <Table.Td>
          <TextInput
            aria-label={words.tenant}
            value={rule.tenant ?? ""}
            placeholder="default"
            disabled={fixed}
            onChange={(event) => {
              const tenant = event.currentTarget.value;
              change(tenant ? { ...rule, tenant } : without("tenant"));
            }}
            spellCheck={false}
          />
        </Table.Td>
      )}
      <Table.Td>
        {!fixed && (
          <ActionIcon variant="subtle" color="red" aria-label={texts.editor.remove(words.rule(rule.claim))} onClick={remove}>
            <Icon name="trash" size={16} />
          </ActionIcon>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
