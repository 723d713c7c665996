import { Code, Stack, Text } from "@mantine/core";
import { stringify } from "yaml";

import { declared, type Noun, type Nouns } from "../api/objects";
import { texts } from "../texts";
import { CodeBlock } from "../ui/code-block";
import { DiffBlock } from "../ui/diff-block";
import { Section } from "../ui/page";

const words = texts.manifestSet;

interface Props<N extends Noun> {
  noun: N;
  set: string;
  stored: Nouns[N];
  draft: Nouns[N];
}

/** The edit that somebody would make in the manifest of an object that a set owns, to be copied from here. */
export function EditAsCode<N extends Noun>({ noun, set, stored, draft }: Props<N>) {
  const before = stringify(declared(noun, stored), { lineWidth: 110 });
  const after = stringify(declared(noun, draft), { lineWidth: 110 });
  return (
    <Section title={words.edit}>
      {before === after ? (
        <Text size="sm" c="dimmed">{words.nothing}</Text>
      ) : (
        <Stack>
          <Text size="sm">
            {words.make} <Code>{words.command(set)}</Code>
          </Text>
          <DiffBlock label={words.diff} before={before} after={after} />
        </Stack>
      )}
      <CodeBlock label={before === after ? words.asStored : words.whole}>{after}</CodeBlock>
    </Section>
  );
}
