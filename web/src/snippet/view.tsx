import { Tabs } from "@mantine/core";

import { CodeBlock } from "../ui/code";
import type { Snippet } from "./text";

/** The same thing in several languages, a tab for each. */
export function SnippetTabs({ snippets }: { snippets: Snippet[] }) {
  return (
    <Tabs defaultValue="curl" keepMounted={false}>
      <Tabs.List>
        {snippets.map((s) => <Tabs.Tab key={s.name} value={s.name}>{s.label}</Tabs.Tab>)}
      </Tabs.List>
      {snippets.map((s) => (
        <Tabs.Panel key={s.name} value={s.name} pt="xs">
          <CodeBlock label={s.label}>{s.code}</CodeBlock>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
