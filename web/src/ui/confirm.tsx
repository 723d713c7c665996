import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { texts } from "../texts";
import { ProblemAlert } from "./problem";

interface Props {
  opened: boolean;
  close: () => void;
  title: string;
  /** What has to be typed; nothing for what can be undone. */
  word?: string;
  action: string;
  harmless?: boolean;
  run: () => void;
  pending: boolean;
  error: Error | null;
  children: ReactNode;
}

/** Asks before something is done that others feel: what will happen, then the object's name typed by hand. */
export function Confirm({ opened, close, title, word, action, harmless, run, pending, error, children }: Props) {
  const [typed, setTyped] = useState("");
  return (
    <Modal opened={opened} onClose={close} title={title} size="lg" onExitTransitionEnd={() => { setTyped(""); }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <Stack>
          {children}
          {word !== undefined && (
            <TextInput
              label={<Text span size="sm">{texts.confirm.type(word)}</Text>}
              value={typed}
              onChange={(event) => { setTyped(event.currentTarget.value); }}
              autoComplete="off"
              spellCheck={false}
              data-autofocus
            />
          )}
          {error && <ProblemAlert error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {texts.confirm.cancel}
            </Button>
            <Button
              type="submit"
              color={harmless ? "pine" : "red"}
              loading={pending}
              disabled={word !== undefined && typed !== word}
            >
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
