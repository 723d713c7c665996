import { Button, List, Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { useOpened, useTyped } from "../../session/typed";
import { texts } from "../../texts";
import { CodeArea } from "../../ui/code-area";
import { Confirm } from "../../ui/confirm";

const words = texts.publisher.operations;

type Operation = Schemas["Operation"];

/** Adds many operations at once, from lines of text such as a table of a document gives. */
export function PasteOperations({ there, add }: { there: Operation[]; add: (operations: Operation[]) => void }) {
  const [opened, { open, close }] = useOpened("paste");
  const [text, setText] = useTyped("pasted", "");
  const { operations, faults } = operationsIn(text, there);
  return (
    <>
      <Button size="xs" variant="subtle" onClick={open}>{words.paste}</Button>
      <Confirm
        opened={opened}
        close={close}
        title={words.pasteTitle}
        harmless
        action={words.pasteAdd(operations.length)}
        ready={operations.length > 0 && faults.length === 0}
        run={() => {
          add(operations);
          setText("");
          close();
        }}
        pending={false}
        error={null}
      >
        <Text size="sm">{words.pasteLead}</Text>
        <CodeArea
          label={words.pasteLabel}
          placeholder={words.pasteExample}
          value={text}
          onChange={(event) => { setText(event.currentTarget.value); }}
          minRows={8}
          maxRows={20}
          data-autofocus
        />
        {faults.length > 0 && (
          <List size="sm" c="red" role="alert">{faults.map((fault) => <List.Item key={fault}>{fault}</List.Item>)}</List>
        )}
      </Confirm>
    </>
  );
}

// An operation from each line that has one, and what is wrong with the others.
function operationsIn(text: string, there: Operation[]): { operations: Operation[]; faults: string[] } {
  const operations: Operation[] = [];
  const faults: string[] = [];
  const taken = new Set(there.map((o) => `${o.method} ${o.path}`));
  text.split("\n").forEach((line, i) => {
    const [method, path, ...scopes] = line.trim().split(/[\s,;|]+/).filter(Boolean);
    if (method === undefined) return;
    const every = scopes.flatMap((s) => s.split("+")).filter(Boolean);
    if (!/^([A-Za-z]+|\*)$/.test(method) || !path?.startsWith("/")) faults.push(words.pasteFault(i + 1, line.trim()));
    else if (scopes.length > 1 && every.length > scopes.length) faults.push(words.pasteMixed(i + 1));
    else {
      const place = `${method.toUpperCase()} ${path}`;
      if (taken.has(place)) faults.push(words.pasteTwice(i + 1, place));
      taken.add(place);
      operations.push({ method: method.toUpperCase(), path, ...asked(scopes, every) });
    }
  });
  return { operations, faults };
}

function asked(scopes: string[], every: string[]): Partial<Operation> {
  if (scopes.length === 0) return {};
  if (scopes.length === 1 && scopes[0] === "none") return { security: "none" };
  return every.length > scopes.length ? { allOf: every } : { scopes };
}
