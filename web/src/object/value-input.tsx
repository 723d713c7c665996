import { Group, NumberInput, Select, TextInput } from "@mantine/core";

import { texts } from "../texts";

const words = texts.editor.value;

interface Props {
  label: string;
  value: unknown;
  fixed: boolean;
  change: (value: unknown) => void;
}

type Kind = "text" | "number" | "boolean";

const kindOf = (value: unknown): Kind => (typeof value === "boolean" ? "boolean" : typeof value === "number" || value === null ? "number" : "text");

const begin: Record<Kind, unknown> = { text: "", number: null, boolean: true };

/** The value of a claim: a text, a number, or true or false. Nothing is converted, so that which of them it is, is chosen. */
export function ValueInput({ label, value, fixed, change }: Props) {
  const kind = kindOf(value);
  return (
    <Group gap={4} wrap="nowrap">
      {kind === "text" && (
        <TextInput
          flex={1}
          aria-label={label}
          value={typeof value === "string" ? value : ""}
          disabled={fixed}
          onChange={(event) => { change(event.currentTarget.value); }}
          spellCheck={false}
        />
      )}
      {kind === "number" && (
        <NumberInput
          flex={1}
          aria-label={label}
          value={typeof value === "number" ? value : ""}
          disabled={fixed}
          hideControls
          onChange={(typed) => { change(typeof typed === "number" ? typed : null); }}
        />
      )}
      {kind === "boolean" && (
        <Select
          flex={1}
          aria-label={label}
          data={["true", "false"]}
          value={String(value)}
          disabled={fixed}
          allowDeselect={false}
          onChange={(chosen) => { change(chosen === "true"); }}
        />
      )}
      <Select
        w={92}
        aria-label={words.kindOf(label)}
        data={words.kinds}
        value={kind}
        disabled={fixed}
        allowDeselect={false}
        comboboxProps={{ width: 130, position: "bottom-end" }}
        onChange={(chosen) => { change(begin[(chosen ?? "text") as Kind]); }}
      />
    </Group>
  );
}
