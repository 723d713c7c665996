import { Stack, Text, TextInput } from "@mantine/core";

import { createGateway, gatewaysKey } from "../../api/gateways";
import { serverPath } from "../../base";
import { useTyped } from "../../session/typed";
import { texts } from "../../texts";
import { CodeBlock } from "../../ui/code-block";
import { MakeOnce } from "../../ui/make-once";

const words = texts.admin.gateways;

/** Makes the credential of a gateway, with the command that starts it. */
export function NewGateway() {
  const [name, setName] = useTyped("gateway", "");
  return (
    <MakeOnce
      words={words}
      what="gateways"
      stale={gatewaysKey}
      make={() => createGateway({ name: name.trim() })}
      shown={(made) => <CodeBlock label="sh">{startCommand(made.token)}</CodeBlock>}
      closed={() => { setName(""); }}
    >
      <Stack>
        <Text size="sm">{words.addLead}</Text>
        <TextInput
          label={texts.common.name}
          description={texts.common.nameHelp}
          required
          value={name}
          onChange={(event) => { setName(event.currentTarget.value); }}
          data-autofocus
        />
      </Stack>
    </MakeOnce>
  );
}

function startCommand(token: string): string {
  return [`KEYWARD_CONTROL_URL='${location.origin}${serverPath}' \\`, `KEYWARD_GATEWAY_TOKEN='${token}' \\`, "keyward serve --role gateway"].join("\n");
}
