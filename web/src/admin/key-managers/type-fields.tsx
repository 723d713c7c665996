import { Stack } from "@mantine/core";

import type { ConnectorField } from "../../api/key-managers";
import type { Noun } from "../../api/objects";
import type { Draft } from "../../object/draft";
import { ListField, NumberField, SelectField, SwitchField, TextAreaField, TextField } from "../../object/fields";
import { CredentialField } from "../../object/secret-fields";

interface Props<N extends Noun> {
  draft: Draft<N>;
  fields: ConnectorField[];
}

// Which of the ways to prove itself a field has a part in. What is not named here has one in each.
const parts: Record<string, { by: string; ways: string[]; usual: string }> = {
  "introspection.clientSecret": { by: "introspection.method", ways: ["basic", "post", "bearer"], usual: "basic" },
  "introspection.key": { by: "introspection.method", ways: ["private_key_jwt", "tls"], usual: "basic" },
  "introspection.certificate": { by: "introspection.method", ways: ["tls"], usual: "basic" },
  "introspection.token": { by: "introspection.method", ways: ["bearer"], usual: "basic" },
  "introspection.scope": { by: "introspection.method", ways: ["bearer"], usual: "basic" },
  "connection.clientSecret": { by: "connection.clientAuthentication", ways: ["client_secret"], usual: "client_secret" },
  "connection.clientKey": { by: "connection.clientAuthentication", ways: ["private_key_jwt"], usual: "client_secret" },
};

const pathOf = (name: string) => ["spec", ...name.split(".")];

/**
 * The fields that a type of key manager asks administrators for, drawn from what the server says about the type: those that
 * have a part in the way to prove itself that was chosen, and what is given or wrong all the same.
 */
export function TypeFields<N extends "key-managers" | "connections">({ draft, fields }: Props<N>) {
  const counts = ({ name }: ConnectorField) => {
    const part = parts[name];
    const path = pathOf(name);
    if (part === undefined || !fields.some((f) => f.name === part.by)) return true;
    const way = draft.at(...pathOf(part.by)) ?? part.usual;
    return part.ways.some((one) => one === way) || draft.at(...path) !== undefined || draft.fault(...path) !== undefined;
  };
  return (
    <Stack>
      {fields.filter(counts).map((field) => (
        <TypeField key={field.name} draft={draft} field={field} />
      ))}
    </Stack>
  );
}

function TypeField<N extends Noun>({ draft, field }: { draft: Draft<N>; field: ConnectorField }) {
  const place = {
    draft,
    path: pathOf(field.name),
    label: field.title,
    help: field.help,
    required: field.required,
  };
  if (field.secret) return <CredentialField {...place} lines={field.lines} />;
  if (field.lines) return <TextAreaField {...place} />;
  if ((field.enum ?? []).length > 0) {
    return <SelectField {...place} options={field.enum ?? []} {...(field.default && { fallback: field.default })} />;
  }
  if (field.type === "integer") return <NumberField {...place} />;
  if (field.type === "boolean") return <SwitchField {...place} fallback={field.default === "true"} />;
  if (field.type === "list") return <ListField {...place} />;
  return <TextField {...place} {...(field.default && { placeholder: field.default })} />;
}
