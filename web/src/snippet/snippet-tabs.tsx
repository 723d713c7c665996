import { Tabs, Text } from "@mantine/core";

import { texts } from "../texts";
import { CodeBlock } from "../ui/code-block";
import type { Snippet } from "./text";

/** The same thing in several languages, a tab for each. */
export function SnippetTabs({ snippets }: { snippets: Snippet[] }) {
  return (
    <Tabs defaultValue="curl" keepMounted={false}>
      <Tabs.List aria-label={texts.developer.snippets.language}>
        {snippets.map((s) => <Tabs.Tab key={s.name} value={s.name}>{s.label}</Tabs.Tab>)}
      </Tabs.List>
      {snippets.map((s) => (
        <Tabs.Panel key={s.name} value={s.name} pt="xs">
          <CodeBlock label={s.label}>{s.code}</CodeBlock>
        </Tabs.Panel>
      ))}
      {snippets.some((s) => s.code.includes("https://")) && <Text size="xs" c="dimmed" mt={4}>{texts.developer.keys.privateCA}</Text>}
    </Tabs>
  );
}
