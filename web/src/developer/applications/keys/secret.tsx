import { Alert, Group, Stack, Tabs, Text } from "@mantine/core";

import type { Schemas } from "../../../api/client";
import { texts } from "../../../texts";
import { CodeBlock } from "../../../ui/code";
import { CopyWords } from "../../../ui/copy";
import { Icon } from "../../../ui/icon";
import { snippets } from "./snippets";

const words = texts.developer.keys;

/** A fresh secret, shown this once, with code that uses it as it stands. */
export function FreshSecret({ made }: { made: Schemas["Keys"] }) {
  if (!made.clientSecret) return null;
  return (
    <Alert role="status" color="pine" icon={<Icon name="key" />} title={words.secretOnce}>
      <Stack gap="sm">
        <Text size="sm">{words.secretLead}</Text>
        <Group gap="xs">
          <Text ff="monospace" size="sm" style={{ overflowWrap: "anywhere" }} data-testid="client-secret">{made.clientSecret}</Text>
          <CopyWords value={made.clientSecret} label={words.copySecret} />
        </Group>
        <Snippets endpoint={made.tokenEndpoint} clientId={made.clientId} secret={made.clientSecret} />
      </Stack>
    </Alert>
  );
}

interface Props {
  endpoint: string | undefined;
  clientId: string | undefined;
  secret?: string;
}

/** How to get a token with the key, in several languages. Without the secret at hand the code asks for it. */
export function Snippets({ endpoint, clientId, secret }: Props) {
  if (!endpoint || !clientId) return null;
  const all = snippets({ endpoint, clientId, ...(secret !== undefined && { secret }) });
  return (
    <Tabs defaultValue="curl" keepMounted={false}>
      <Tabs.List>
        {all.map((s) => <Tabs.Tab key={s.name} value={s.name}>{s.label}</Tabs.Tab>)}
      </Tabs.List>
      {all.map((s) => (
        <Tabs.Panel key={s.name} value={s.name} pt="xs">
          <CodeBlock label={s.label}>{s.code}</CodeBlock>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
