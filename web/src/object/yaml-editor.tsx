import { Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { parseDocument, stringify } from "yaml";

import type { Noun, Nouns } from "../api/objects";
import { texts } from "../texts";
import type { Draft } from "./draft";

/** The draft as YAML. What cannot be read is kept as it was typed, and the draft stays as it was until it can. */
export function YamlEditor<N extends Noun>({ draft }: { draft: Draft<N> }) {
  const [text, setText] = useState(() => stringify(draft.object, { lineWidth: 0 }));
  const [fault, setFault] = useState<string>();
  const change = (typed: string) => {
    setText(typed);
    const document = parseDocument(typed);
    const [first] = document.errors;
    if (first) {
      setFault(first.message);
      return;
    }
    const value = document.toJS() as Nouns[N] | null;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      setFault(texts.editor.notOne);
      return;
    }
    setFault(undefined);
    draft.set(value);
  };
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">{texts.editor.yamlLead}</Text>
      <Textarea
        aria-label={texts.code.yaml}
        ref={(input) => input?.setCustomValidity(fault ?? "")}
        value={text}
        onChange={(event) => { change(event.currentTarget.value); }}
        error={fault}
        autosize
        minRows={16}
        maxRows={40}
        spellCheck={false}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
      />
    </Stack>
  );
}
