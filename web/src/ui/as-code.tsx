import { Stack, Tabs, Text } from "@mantine/core";
import { stringify } from "yaml";

import { declared, memberAddress, objectName, type Noun, type Nouns } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { CodeBlock } from "./code-block";
import { sh } from "../snippet/sh";

/** An object as code: the manifest for keyward apply, and the call for curl. */
export function AsCode({ noun, object }: { noun: Noun; object: Nouns[Noun] }) {
  const manifest = declared(noun, object);
  const address = memberAddress(noun, objectName(object), useTenant());
  const curl = [
    `curl -X PUT ${sh(location.origin + address)} \\`,
    `  -H "Authorization: Bearer $KEYWARD_TOKEN" -H 'Content-Type: application/json' \\`,
    `  --data-binary @- <<'END'`,
    JSON.stringify(manifest, null, 2),
    "END",
  ].join("\n");
  return (
    <Stack>
      <Text size="sm" c="dimmed">{texts.code.lead}</Text>
      <Tabs defaultValue="yaml">
        <Tabs.List>
          <Tabs.Tab value="yaml">{texts.code.yaml}</Tabs.Tab>
          <Tabs.Tab value="curl">{texts.code.curl}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="yaml" pt="sm">
          <CodeBlock label="keyward apply -f -">{stringify(manifest, { lineWidth: 110 })}</CodeBlock>
        </Tabs.Panel>
        <Tabs.Panel value="curl" pt="sm">
          <CodeBlock label="sh">{curl}</CodeBlock>
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}
