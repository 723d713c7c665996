import { Stack, Text } from "@mantine/core";

import { texts } from "../texts";
import { typeName, type Reference, type Schema } from "./document";
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
      <Members schema={schema} reference={reference} within={[]} />
    </Stack>
  );
}

// How deep members are shown.
const deepest = 5;

// within are the schemas around it: one that contains itself is shown once.
function Members({ schema, reference, within }: { schema: Schema; reference: Reference; within: Schema[] }) {
  const own = reference.inside(schema);
  const properties = reference.properties(own);
  if (properties.length === 0 || within.includes(own) || within.length > deepest) return null;
  return (
    <ul className={classes.members}>
      {properties.map((p) => (
        <li key={p.name}>
          <Text size="sm" component="span" ff="monospace">{p.name}</Text>{" "}
          <Text size="xs" component="span" c="dimmed">{typeName(p.schema)}{p.required && `, ${words.required}`}</Text>
          {typeof p.schema["description"] === "string" && <Text size="sm" c="dimmed">{p.schema["description"]}</Text>}
          <Members schema={p.schema} reference={reference} within={[...within, own]} />
        </li>
      ))}
    </ul>
  );
}
