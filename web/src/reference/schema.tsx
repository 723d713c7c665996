import { Stack, Text } from "@mantine/core";

import { texts } from "../texts";
import { typeName, type Member, type Reference, type Schema } from "./document";
import classes from "./schema.module.css";

const words = texts.reference;

interface Props {
  schema: Schema;
  reference: Reference;
  label: string;
}

/** The members of a schema, those of members below them. */
export function SchemaView({ schema, reference, label }: Props) {
  return (
    <Stack gap={4}>
      <Text size="xs" c="dimmed">{label}</Text>
      <Members members={reference.tree(schema)} />
    </Stack>
  );
}

function Members({ members }: { members: Member[] }) {
  if (members.length === 0) return null;
  return (
    <ul className={classes.members}>
      {members.map((p) => (
        <li key={p.name}>
          <Text size="sm" component="span" ff="monospace">{p.name}</Text>{" "}
          <Text size="xs" component="span" c="dimmed">{typeName(p.schema)}{p.required && `, ${words.required}`}</Text>
          {typeof p.schema["description"] === "string" && <Text size="sm" c="dimmed">{p.schema["description"]}</Text>}
          <Members members={p.members} />
        </li>
      ))}
    </ul>
  );
}
