import { Stack, Text } from "@mantine/core";
import { useRef, useState } from "react";
import { isNode, LineCounter, parseDocument, stringify } from "yaml";

import type { Noun, Nouns } from "../api/objects";
import { texts } from "../texts";
import { CodeArea } from "../ui/code-area";
import { CodeBlock } from "../ui/code-block";
import type { Draft } from "./draft";
import { isMembers, valueAt } from "./path";
import { misplacedKey } from "./secrets";

interface Props<N extends Noun> {
  noun: N;
  draft: Draft<N>;
  setBroken: (broken: boolean) => void;
}

// From so many characters on a text is read when somebody pauses, in milliseconds: reading it takes longer than they notice.
const long = 20_000;
const pause = 250;

/**
 * The draft as YAML. What cannot be read is kept as it was typed, and the draft stays as it was until it can. A text with a private key
 * where none belongs is not taken, as in the fields of a form.
 */
export function YamlEditor<N extends Noun>({ noun, draft, setBroken }: Props<N>) {
  const [text, setText] = useState(() => stringify(draft.object, { lineWidth: 0 }));
  const [fault, setFault] = useState<string>();
  const taken = useRef({ text, broken: false }); // what is gone back to
  const later = useRef<ReturnType<typeof setTimeout>>(undefined);
  const read = (typed: string) => {
    const lines = new LineCounter();
    const document = parseDocument(typed, { lineCounter: lines });
    const value: unknown = document.errors.length > 0 ? undefined : document.toJS();
    const stray = misplacedKey(noun, value);
    if (stray) {
      const node = document.getIn(stray, true);
      setFault(texts.editor.privateKey(isNode(node) && node.range ? lines.linePos(node.range[0]).line : 1));
      setText(taken.current.text);
      setBroken(taken.current.broken);
      return;
    }
    const wrong = document.errors[0]?.message ?? (isManifest(value) ? undefined : texts.editor.notOne);
    taken.current = { text: typed, broken: wrong !== undefined };
    setFault(wrong);
    setBroken(wrong !== undefined);
    if (wrong === undefined) draft.set(value as Nouns[N]);
  };
  const change = (typed: string) => {
    setText(typed);
    clearTimeout(later.current);
    if (typed.length < long) {
      read(typed);
      return;
    }
    setBroken(true); // until it is read, so that what is saved is what is seen
    later.current = setTimeout(() => { read(typed); }, pause);
  };
  if (draft.fixed) return <CodeBlock label={texts.code.yaml}>{text}</CodeBlock>;
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">{texts.editor.yamlLead}</Text>
      <CodeArea
        aria-label={texts.code.yaml}
        value={text}
        onChange={(event) => { change(event.currentTarget.value); }}
        error={fault}
        minRows={16}
        maxRows={40}
      />
    </Stack>
  );
}

// A mapping with the parts that forms go by; what is in them is for the server to judge.
function isManifest(value: unknown): boolean {
  return isMembers(value) && isMembers(valueAt(value, ["metadata"])) && isMembers(valueAt(value, ["spec"]));
}
