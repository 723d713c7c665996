import { List, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { Shown } from "../../object/fields";
import { PublicArea } from "../../object/public-area";
import { texts } from "../../texts";
import { readKeys, writtenKeys, type FoundKey, type ReadKeys } from "./read-keys";

const words = texts.admin.pastedKeys;

type Keys = ReadKeys["value"];

interface Props {
  /** Where in the manifest they are: one path, or several with a space between them. */
  path: string;
  label: string;
  help: string;
  value: Keys;
  change: (value: Keys) => void;
  fixed: boolean;
  /** What the server said of them. */
  fault: string | undefined;
}

const same = (a: Keys, b: Keys) => JSON.stringify([a.pem, a.jwksInline]) === JSON.stringify([b.pem, b.jwksInline]);

/** Public keys that are pasted instead of read from an address: what was found in them is below, and what is wrong on which line. */
export function PastedKeys({ path, label, help, value, change, fixed, fault }: Props) {
  const [typed, setTyped] = useState(() => writtenKeys(value));
  const read = readKeys(typed);
  const mine = same(read.value, value); // else somebody has changed it since
  const text = mine ? typed : writtenKeys(value);
  const { keys, faults } = mine ? read : readKeys(text);
  const found = keys.length > 0 && <Found keys={keys} label={label} />;
  if (fixed) return <Shown label={label}>{found}</Shown>;
  return (
    <Stack gap={6}>
      <PublicArea
        label={label}
        description={help}
        data-path={path}
        placeholder={words.example}
        value={text}
        error={faults.length > 0 ? faults.map((one) => words.onLine(one.line, one.message)).join(" ") : fault}
        change={(next) => {
          setTyped(next);
          change(readKeys(next).value);
        }}
        minRows={3}
        maxRows={14}
      />
      {found}
    </Stack>
  );
}

function Found({ keys, label }: { keys: FoundKey[]; label: string }) {
  return (
    <Stack gap={2} role="status" aria-label={words.foundIn(label)}>
      <Text size="sm" fw={600}>{words.found(keys.length)}</Text>
      <List size="sm" spacing={2}>
        {keys.map(({ kid, type, alg, otherUse }, i) => (
          <List.Item key={i} style={{ overflowWrap: "anywhere" }}>
            {kid === undefined ? <Text span size="sm" c="dimmed">{words.noKid}</Text> : <Text span size="sm" ff="monospace">{kid}</Text>}
            {" · "}{type}{alg !== undefined && ` · ${alg}`}{otherUse && <Text span size="sm" c="dimmed"> · {words.otherUse}</Text>}
          </List.Item>
        ))}
      </List>
    </Stack>
  );
}
