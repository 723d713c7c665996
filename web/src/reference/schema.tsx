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
      <Members schema={schema} reference={reference} depth={0} />
    </Stack>
  );
}

// How deep members are shown: a schema may contain itself.
const deepest = 4;

function Members({ schema, reference, depth }: { schema: Schema; reference: Reference; depth: number }) {
  const properties = reference.properties(reference.inside(schema));
  if (properties.length === 0 || depth > deepest) return null;
  return (
    <ul className={classes.members}>
      {properties.map((p) => (
        <li key={p.name}>
          <Text size="sm" component="span" ff="monospace">{p.name}</Text>{" "}
          <Text size="xs" component="span" c="dimmed">{typeName(p.schema)}{p.required && `, ${words.required}`}</Text>
          {typeof p.schema["description"] === "string" && <Text size="sm" c="dimmed">{p.schema["description"]}</Text>}
          <Members schema={p.schema} reference={reference} depth={depth + 1} />
        </li>
      ))}
    </ul>
  );
}
