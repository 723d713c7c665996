import { Button, Collapse, Group, MultiSelect, NumberInput, Select, Stack, Switch, TagsInput, TextInput } from "@mantine/core";

import type { Schemas } from "../../../api/client";
import { faultAt } from "../../../api/problem";
import { useOpened } from "../../../session/typed";
import { texts } from "../../../texts";

const words = texts.developer.keys;

type Body = Omit<Schemas["GenerateBody"], "keyManager" | "environment">;

interface Props {
  body: Body;
  set: (body: Body) => void;
  grantTypes: string[];
  type: Schemas["ConnectorType"] | undefined;
  error: Error | null;
}

const redirects = ["authorization_code", "implicit"];

/** What a key is asked for: grants, callbacks where a grant redirects, scopes, and the type's own fields. */
export function GenerateFields({ body, set, grantTypes, type, error }: Props) {
  const fault = (path: string) => faultAt(error, path);
  const grants = body.grants ?? [];
  const fields = type?.developerFields ?? [];
  const of = (name: string) => ({
    value: body.fields?.[name],
    error: fault(`fields.${name}`),
    put: (value: unknown) => {
      const typed = { ...body.fields, [name]: value };
      set({ ...body, fields: Object.fromEntries(Object.entries(typed).filter(([, v]) => v !== undefined)) });
    },
  });
  // Most keys need none of them: they are out of the way, but for what somebody gave or has to mend.
  const [unfolded, { open: unfold, close: fold }] = useOpened("further fields");
  const shown = unfolded || Object.keys(body.fields ?? {}).length > 0 || fields.some(({ name }) => fault(`fields.${name}`) !== undefined);
  return (
    <>
      <MultiSelect
        label={words.grants}
        description={words.grantsHelp}
        data={[...new Set(["client_credentials", ...grantTypes])]}
        value={grants}
        onChange={(value) => { set({ ...body, grants: value }); }}
        error={fault("grants")}
      />
      {grants.some((g) => redirects.includes(g)) && (
        <TagsInput
          label={words.callbacks}
          description={words.callbacksHelp}
          value={body.callbacks ?? []}
          onChange={(value) => { set({ ...body, callbacks: value }); }}
          error={fault("callbacks")}
        />
      )}
      <TagsInput
        label={words.scopes}
        description={words.scopesHelp}
        value={body.scopes ?? []}
        onChange={(value) => { set({ ...body, scopes: value }); }}
        error={fault("scopes")}
      />
      {fields.length > 0 && (
        <>
          <Group>
            <Button size="xs" variant="subtle" ml={-10} aria-expanded={shown} onClick={shown ? fold : unfold}>{words.furtherFields}</Button>
          </Group>
          <Collapse expanded={shown}>
            {shown && <Stack>{fields.map((field) => <DeveloperField key={field.name} field={field} constraint={type?.constraints?.[field.name]} {...of(field.name)} />)}</Stack>}
          </Collapse>
        </>
      )}
    </>
  );
}

interface FieldProps {
  field: Schemas["ConnectorField"];
  constraint: Schemas["Constraint"] | undefined;
  value: unknown;
  put: (value: unknown) => void;
  error: string | undefined;
}

function DeveloperField({ field, constraint, value, put, error }: FieldProps) {
  const around = { label: field.title, description: [field.help, limits(constraint)].filter(Boolean).join(" "), error };
  const choices = constraint?.enum ?? field.enum ?? [];
  if (choices.length > 0 && field.type === "list") {
    return (
      <MultiSelect
        {...around}
        data={choices.map(String)}
        value={Array.isArray(value) ? value.map(String) : []}
        onChange={(chosen) => { put(chosen.length > 0 ? chosen : undefined); }}
        clearable
      />
    );
  }
  if (choices.length > 0) {
    return (
      <Select
        {...around}
        data={choices.map(String)}
        value={typeof value === "string" ? value : null}
        onChange={(chosen) => { put(chosen ?? undefined); }}
        {...(field.default && { placeholder: field.default })}
        clearable
      />
    );
  }
  if (field.type === "integer") {
    return (
      <NumberInput
        {...around}
        value={typeof value === "number" ? value : ""}
        onChange={(typed) => { put(typeof typed === "number" ? typed : undefined); }}
        allowDecimal={false}
      />
    );
  }
  if (field.type === "boolean") {
    return <Switch {...around} checked={value === true} onChange={(event) => { put(event.currentTarget.checked || undefined); }} />;
  }
  if (field.type === "list") {
    return (
      <TagsInput
        {...around}
        value={Array.isArray(value) ? value.map(String) : []}
        onChange={(typed) => { put(typed.length > 0 ? typed : undefined); }}
      />
    );
  }
  return (
    <TextInput
      {...around}
      value={typeof value === "string" ? value : ""}
      onChange={(event) => { put(event.currentTarget.value || undefined); }}
      {...(field.default && { placeholder: field.default })}
    />
  );
}

function limits(constraint: Schemas["Constraint"] | undefined): string {
  if (!constraint) return "";
  const { min, max, regex } = constraint;
  return [
    min !== undefined && words.atLeast(min),
    max !== undefined && words.atMost(max),
    regex !== undefined && words.like(regex),
  ].filter(Boolean).join(" ");
}
