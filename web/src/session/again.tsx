import { Anchor, Modal, Stack, Text } from "@mantine/core";

import { texts } from "../texts";
import { useBack, Ways } from "./sign-in";

const words = texts.session;

/** Asks to sign in again over the page as it stands, whose session has ended. It goes away as soon as there is one again. */
export function SignInAgain({ opened }: { opened: boolean }) {
  const { back } = useBack();
  return (
    <Modal
      opened={opened}
      onClose={() => undefined}
      title={words.ended}
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
      overlayProps={{ backgroundOpacity: 0.7, blur: 6 }}
      zIndex={500}
    >
      <Stack>
        <Text size="sm">{words.kept}</Text>
        <Ways />
        <Text size="sm" c="dimmed">
          {words.secrets}{" "}
          <Anchor href={back} target="_blank" underline="always" inherit>{words.elsewhere}</Anchor>
        </Text>
      </Stack>
    </Modal>
  );
}
