import { Stack } from "@mantine/core";

import type { Draft } from "../../object/draft";
import { ListField, TextField } from "../../object/fields";
import { texts } from "../../texts";

const words = texts.developer.applications;

/** What an application is: a name, and who manages it. */
export function ApplicationForm({ draft, isNew }: { draft: Draft<"applications">; isNew: boolean }) {
  return (
    <Stack maw={560}>
      <TextField draft={draft} path={["metadata", "name"]} help={texts.common.nameHelp} required fixed={!isNew} />
      <TextField draft={draft} path={["spec", "displayName"]} />
      <ListField draft={draft} path={["spec", "owners"]} help={words.ownersHelp} required />
    </Stack>
  );
}
