import { Button, FileButton, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";

import type { Draft } from "../../object/draft";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";

const words = texts.publisher.openapi;

/** The operations from an OpenAPI 3 document: its security schemes and scopes become theirs. The server reads it. */
export function OpenAPIField({ draft }: { draft: Draft<"apis"> }) {
  const [fault, setFault] = useState<string>();
  const document = draft.at("spec", "openapi", "document");
  const take = async (file: File | null) => {
    if (!file) return;
    if (file.size > 4 << 20) {
      setFault(words.tooLarge);
      return;
    }
    setFault(undefined);
    const text = await file.text();
    draft.put(undefined, "spec", "operations"); // an API has one or the other
    draft.put({ document: text }, "spec", "openapi");
  };
  return (
    <Stack gap={4}>
      <Group>
        <FileButton onChange={(file) => void take(file)} accept=".yaml,.yml,.json,application/json,application/yaml">
          {(props) => (
            <Button {...props} size="xs" variant="default" leftSection={<Icon name="book" size={14} />}>
              {typeof document === "string" ? words.another : words.choose}
            </Button>
          )}
        </FileButton>
        {typeof document === "string" && (
          <Button size="xs" variant="subtle" color="red" onClick={() => { draft.put(undefined, "spec", "openapi"); }}>
            {words.byHand}
          </Button>
        )}
      </Group>
      <Text size="xs" c="dimmed">{typeof document === "string" ? words.taken(document.length) : words.help}</Text>
      {(fault ?? draft.fault("spec", "openapi")) && <Text size="sm" c="red">{fault ?? draft.fault("spec", "openapi")}</Text>}
    </Stack>
  );
}
