import { Stack } from "@mantine/core";

import type { ConnectorField } from "../../api/key-managers";
import type { Draft } from "../../object/draft";
import { ListField, NumberField, SecretField, SelectField, SwitchField, TextField } from "../../object/fields";

interface Props {
  draft: Draft<"key-managers">;
  fields: ConnectorField[];
}

/** The fields that a type of key manager asks administrators for, drawn from what the server says about the type. */
export function TypeFields({ draft, fields }: Props) {
  return (
    <Stack>
      {fields.map((field) => (
        <TypeField key={field.name} draft={draft} field={field} />
      ))}
    </Stack>
  );
}

function TypeField({ draft, field }: { draft: Draft<"key-managers">; field: ConnectorField }) {
  const place = {
    draft,
    path: ["spec", ...field.name.split(".")],
    label: field.title,
    help: field.help,
    required: field.required,
  };
  if (field.secret) return <SecretField {...place} />;
  if ((field.enum ?? []).length > 0) {
    return <SelectField {...place} options={field.enum ?? []} {...(field.default && { fallback: field.default })} />;
  }
  if (field.type === "integer") return <NumberField {...place} />;
  if (field.type === "boolean") return <SwitchField {...place} fallback={field.default === "true"} />;
  if (field.type === "list") return <ListField {...place} />;
  return <TextField {...place} {...(field.default && { placeholder: field.default })} />;
}
