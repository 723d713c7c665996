import { Button, Code, Drawer, Group, Paper, Stack, Tabs, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { stringify } from "yaml";

import { declared, memberAddress, type Noun, type Nouns } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { CopyWords } from "./copy";
import { Icon } from "./icon";
import { sh } from "./sh";

/** A block of text to read or copy. */
export function CodeBlock({ label, children }: { label: string; children: string }) {
  return (
    <Paper withBorder p={0} style={{ overflow: "hidden" }}>
      <Group justify="space-between" px="sm" py={6}>
        <Text size="xs" c="dimmed">{label}</Text>
        <CopyWords value={children} label={texts.copy.copy} />
      </Group>
      <Code block tabIndex={0} aria-label={label} mah={520} style={{ overflow: "auto", borderRadius: 0 }}>
        {children}
      </Code>
    </Paper>
  );
}

/** An object as code: the manifest for keyward apply, and the call for curl. */
export function CopyAsCode<N extends Noun>({ noun, object }: { noun: N; object: Nouns[N] }) {
  const [opened, { open, close }] = useDisclosure(false);
  const manifest = declared(noun, object);
  const address = memberAddress(noun, object.metadata?.name ?? "", useTenant());
  const yaml = stringify(manifest, { lineWidth: 110 });
  const curl = [
    `curl -X PUT ${sh(location.origin + address)} \\`,
    `  -H "Authorization: Bearer $KEYWARD_TOKEN" -H 'Content-Type: application/json' \\`,
    `  --data-binary @- <<'END'`,
    JSON.stringify(manifest, null, 2),
    "END",
  ].join("\n");
  return (
    <>
      <Button variant="default" leftSection={<Icon name="code" size={16} />} onClick={open}>
        {texts.code.open}
      </Button>
      <Drawer opened={opened} onClose={close} position="right" size="xl" title={texts.code.title}>
        <Stack>
          <Text size="sm" c="dimmed">{texts.code.lead}</Text>
          <Tabs defaultValue="yaml">
            <Tabs.List>
              <Tabs.Tab value="yaml">{texts.code.yaml}</Tabs.Tab>
              <Tabs.Tab value="curl">{texts.code.curl}</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="yaml" pt="sm">
              <CodeBlock label="keyward apply -f -">{yaml}</CodeBlock>
            </Tabs.Panel>
            <Tabs.Panel value="curl" pt="sm">
              <CodeBlock label="sh">{curl}</CodeBlock>
            </Tabs.Panel>
          </Tabs>
        </Stack>
      </Drawer>
    </>
  );
}
