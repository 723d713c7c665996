import { Alert, Button, Group, Radio, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { stringify } from "yaml";

import { declared, objectQuery, type Noun, type Nouns, type Stored } from "../api/objects";
import { texts } from "../texts";
import { DiffBlock } from "../ui/diff-block";
import { FieldLink } from "../ui/field-link";
import { Icon } from "../ui/icon";
import { ProblemAlert } from "../ui/problem-alert";
import { decided, merge, type Clash } from "./merge";

const words = texts.editor;

interface Props<N extends Noun> {
  tenant: string;
  noun: N;
  name: string;
  /** What both of them began from. */
  base: Nouns[N];
  mine: Nouns[N];
  /** Goes on from what is stored, with that as the draft. */
  choose: (stored: Stored<N>, draft: Nouns[N]) => void;
}

/** Two people changed one object: what each of them changed, and the ways to go on, of which one loses nothing. */
export function Conflict<N extends Noun>(props: Props<N>) {
  const { tenant, noun, name } = props;
  const theirs = useQuery({ ...objectQuery(tenant, noun, name), staleTime: 0, refetchOnMount: "always" as const });
  if (theirs.error) return <ProblemAlert error={theirs.error} />;
  if (theirs.data === undefined || theirs.isFetching) return null;
  return <Both key={theirs.data.etag} stored={theirs.data} {...props} />;
}

function Both<N extends Noun>({ noun, base, mine, stored, choose }: Props<N> & { stored: Stored<N> }) {
  const theirs = declared(noun, stored.object) as Nouns[N];
  const merged = merge(declared(noun, base), theirs, mine);
  const [own, setOwn] = useState<ReadonlySet<number>>(() => new Set(merged.clashes.map((_, i) => i)));
  const before = stringify(declared(noun, base));
  return (
    <Alert role="alert" color="yellow" icon={<Icon name="warn" />} title={words.conflict}>
      <Stack gap="sm">
        <Text size="sm">{words.conflictLead}</Text>
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          <DiffBlock label={words.theirs} before={before} after={stringify(theirs)} />
          <DiffBlock label={words.mine} before={before} after={stringify(mine)} />
        </SimpleGrid>
        {merged.clashes.map((clash, i) => (
          <ClashField
            key={clash.path.join(".")}
            clash={clash}
            mine={own.has(i)}
            choose={(isMine) => {
              const next = new Set(own);
              if (isMine) next.add(i);
              else next.delete(i);
              setOwn(next);
            }}
          />
        ))}
        <Group>
          <Button size="xs" onClick={() => { choose(stored, decided(merged, own) as Nouns[N]); }}>{words.takeBoth}</Button>
          <Button size="xs" variant="default" onClick={() => { choose(stored, theirs); }}>{words.takeTheirs}</Button>
          <Button size="xs" variant="light" color="red" onClick={() => { choose(stored, mine); }}>{words.keepMine}</Button>
        </Group>
      </Stack>
    </Alert>
  );
}

// Both wrote something here: one of them is to be chosen.
function ClashField({ clash, mine, choose }: { clash: Clash; mine: boolean; choose: (mine: boolean) => void }) {
  return (
    <Radio.Group
      label={<>{words.clash} <FieldLink path={clash.path.join(".")} /></>}
      value={mine ? "mine" : "theirs"}
      onChange={(chosen) => { choose(chosen === "mine"); }}
    >
      <Stack gap={4} mt={4}>
        <Radio value="theirs" label={words.theirsIs(short(clash.theirs))} />
        <Radio value="mine" label={words.mineIs(short(clash.mine))} />
      </Stack>
    </Radio.Group>
  );
}

function short(value: unknown): string {
  if (value === undefined) return words.nothing;
  const text = JSON.stringify(value);
  return text.length > 160 ? `${text.slice(0, 157)}…` : text;
}
