import { Stack } from "@mantine/core";

import type { ConnectorField } from "../../api/key-managers";
import type { Noun } from "../../api/objects";
import type { Draft } from "../../object/draft";
import { ListField, NumberField, SelectField, SwitchField, TextField } from "../../object/fields";
import { CredentialField } from "../../object/secret-fields";

interface Props<N extends Noun> {
  draft: Draft<N>;
  fields: ConnectorField[];
}

/** The fields that a type of key manager asks administrators for, drawn from what the server says about the type. */
export function TypeFields<N extends "key-managers" | "connections">({ draft, fields }: Props<N>) {
  return (
    <Stack>
      {fields.map((field) => (
        <TypeField key={field.name} draft={draft} field={field} />
      ))}
    </Stack>
  );
}

function TypeField<N extends Noun>({ draft, field }: { draft: Draft<N>; field: ConnectorField }) {
  const place = {
    draft,
    path: ["spec", ...field.name.split(".")],
    label: field.title,
    help: field.help,
    required: field.required,
  };
  if (field.secret) return <CredentialField {...place} />;
  if ((field.enum ?? []).length > 0) {
    return <SelectField {...place} options={field.enum ?? []} {...(field.default && { fallback: field.default })} />;
  }
  if (field.type === "integer") return <NumberField {...place} />;
  if (field.type === "boolean") return <SwitchField {...place} fallback={field.default === "true"} />;
  if (field.type === "list") return <ListField {...place} />;
  return <TextField {...place} {...(field.default && { placeholder: field.default })} />;
}
