import { Center, Modal, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useEffect } from "react";

import { consolePath } from "../base";
import { texts } from "../texts";
import { sessionChannel } from "./session";
import { useBack, Ways } from "./sign-in";

const words = texts.session;

/** The address, as a query of a tenant's first page, of the window in which somebody signed in again. */
export const againQuery = "signed-in-again";

/**
 * Asks to sign in again over the page as it stands, whose session has ended, in a window of its own. It goes away as soon as
 * there is a session again: nothing that was typed is lost, secrets neither.
 */
export function SignInAgain({ opened }: { opened: boolean }) {
  const { tenant } = useBack();
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
        <Ways apart={`${consolePath}/${encodeURIComponent(tenant)}?${againQuery}`} />
        <Text size="sm" c="dimmed">{words.secrets}</Text>
      </Stack>
    </Modal>
  );
}

/** What is in that window when it is done. Browsers that do not let it close itself leave that to people. */
export function SignedInAgain() {
  useDocumentTitle(`${words.again} · ${texts.shell.product}`);
  useEffect(() => {
    const channel = new BroadcastChannel(sessionChannel);
    channel.postMessage("begun");
    channel.close();
    window.close();
  }, []);
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" maw={420}>
        <Stack>
          <Title order={1} size="h2">{words.again}</Title>
          <Text>{words.closeIt}</Text>
        </Stack>
      </Paper>
    </Center>
  );
}
