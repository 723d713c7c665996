import { Paper, Tabs } from "@mantine/core";

import type { Draft } from "../../object/draft";
import type { Told } from "../../object/editor";
import { texts } from "../../texts";
import { CheckPanel } from "./check";
import { TokenCheck } from "./token-check";

/** What a key manager can be tried by before it is saved, beside its form. */
export const tried = {
  label: texts.admin.check.title,
  panel: (draft: Draft<"key-managers">, tell: (told: Told | undefined) => void) => <Tried draft={draft} tell={tell} />,
};

function Tried({ draft, tell }: { draft: Draft<"key-managers">; tell: (told: Told | undefined) => void }) {
  const what = { manifest: draft.object };
  return (
    <Paper withBorder p="md">
      <Tabs defaultValue="check">
        <Tabs.List mb="sm">
          <Tabs.Tab value="check">{texts.admin.check.title}</Tabs.Tab>
          <Tabs.Tab value="token">{texts.admin.tokenCheck.short}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="check"><CheckPanel what={what} tell={tell} /></Tabs.Panel>
        <Tabs.Panel value="token"><TokenCheck what={what} /></Tabs.Panel>
      </Tabs>
    </Paper>
  );
}
