import { Alert, Button, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { stringify } from "yaml";

import { declared, objectQuery, type Noun, type Nouns, type Stored } from "../api/objects";
import { texts } from "../texts";
import { CodeBlock } from "../ui/code";
import { Icon } from "../ui/icon";
import { ProblemAlert } from "../ui/problem";

interface Props<N extends Noun> {
  tenant: string;
  noun: N;
  name: string;
  mine: Nouns[N];
  choose: (stored: Stored<N>, mine: boolean) => void;
}

/** Two people changed one object: both versions beside each other, and the choice between them. */
export function Conflict<N extends Noun>({ tenant, noun, name, mine, choose }: Props<N>) {
  const theirs = useQuery({ ...objectQuery(tenant, noun, name), staleTime: 0, refetchOnMount: "always" as const });
  if (theirs.error) return <ProblemAlert error={theirs.error} />;
  if (theirs.data === undefined || theirs.isFetching) return null;
  const stored = theirs.data;
  return (
    <Alert role="alert" color="yellow" icon={<Icon name="warn" />} title={texts.editor.conflict}>
      <Stack gap="sm">
        <Text size="sm">{texts.editor.conflictLead}</Text>
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          <CodeBlock label={texts.editor.theirs}>{stringify(declared(noun, stored.object))}</CodeBlock>
          <CodeBlock label={texts.editor.mine}>{stringify(mine)}</CodeBlock>
        </SimpleGrid>
        <Group>
          <Button size="xs" variant="default" onClick={() => { choose(stored, false); }}>{texts.editor.takeTheirs}</Button>
          <Button size="xs" color="red" onClick={() => { choose(stored, true); }}>{texts.editor.keepMine}</Button>
        </Group>
      </Stack>
    </Alert>
  );
}
