import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { type ReactNode, type RefObject, useState } from "react";

import { texts } from "../texts";
import { ProblemAlert } from "./problem-alert";

interface Props {
  opened: boolean;
  close: () => void;
  title: string;
  /** What has to be typed; nothing for what can be undone. */
  word?: string;
  action: string;
  harmless?: boolean;
  /** Whether it can be done yet. */
  ready?: boolean;
  run: () => void;
  pending: boolean;
  error: Error | null;
  /** Something is shown that is never shown again: only the button closes the dialog. */
  keep?: boolean;
  /** It is known that it would be refused: what stands in the way is shown, and the button that would fail is not. */
  refused?: boolean;
  /** Another way, beside the buttons. */
  instead?: ReactNode;
  /** Where the focus goes afterwards, if what opened the dialog is out of sight by then, such as an entry of a menu. */
  opener?: RefObject<HTMLElement | null> | undefined;
  children: ReactNode;
}

/** Asks before something is done that others feel: what will happen, then the object's name typed by hand. */
export function Confirm({ opened, close, title, word, action, harmless, ready = true, run, pending, error, keep = false, refused = false, instead, opener, children }: Props) {
  const [typed, setTyped] = useState("");
  const [past, setPast] = useState<Error | null>(null); // what was said before the dialog was closed
  const fixed = keep || pending;
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={title}
      size="lg"
      closeOnClickOutside={!fixed}
      closeOnEscape={!fixed}
      withCloseButton={!fixed}
      returnFocus={opener === undefined}
      onExitTransitionEnd={() => {
        setTyped("");
        setPast(error);
        opener?.current?.focus();
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          event.stopPropagation(); // events of a dialog reach the form that it is a child of
          if (!refused) run();
        }}
      >
        <Stack>
          {children}
          {word !== undefined && !refused && (
            <TextInput
              label={<Text span size="sm">{texts.confirm.type(word)}</Text>}
              value={typed}
              onChange={(event) => { setTyped(event.currentTarget.value); }}
              autoComplete="off"
              spellCheck={false}
              data-autofocus
            />
          )}
          {error && error !== past && <ProblemAlert error={error} />}
          <Group justify="flex-end">
            {!keep && (
              <Button variant="default" onClick={close} disabled={pending}>
                {refused ? texts.common.close : texts.confirm.cancel}
              </Button>
            )}
            {instead}
            {!refused && (
              <Button
                type="submit"
                color={harmless ? "pine" : "red"}
                loading={pending}
                disabled={!ready || (word !== undefined && typed !== word)}
              >
                {action}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
