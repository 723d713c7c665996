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

const pathOf = (name: string) => ["spec", ...name.split(".")];

/**
 * The fields that a type of key manager asks administrators for, drawn from what the server says about the type: those that
 * have a part in the way to prove itself that was chosen, and what is given or wrong all the same.
 */
export function TypeFields<N extends "key-managers" | "connections">({ draft, fields }: Props<N>) {
  const counts = ({ name, part }: ConnectorField) => {
    const path = pathOf(name);
    const by = fields.find((f) => f.name === part?.by);
    if (!part || !by) return true;
    const way = draft.at(...pathOf(by.name)) ?? by.default;
    return (part.with ?? []).some((one) => one === way) || draft.at(...path) !== undefined || draft.fault(...path) !== undefined;
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
