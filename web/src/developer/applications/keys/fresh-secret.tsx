import { Alert, Group, Stack, Text } from "@mantine/core";
import { useEffect, useRef } from "react";

import type { Schemas } from "../../../api/client";
import { texts } from "../../../texts";
import { CopyWords } from "../../../ui/copy";
import { Icon } from "../../../ui/icon";
import { Usage } from "./usage";

const words = texts.developer.keys;

interface Props {
  made: Schemas["Keys"];
  /** Its key manager gives a client another one. */
  rotates: boolean;
  /** It is not to be had once more. */
  last?: boolean;
}

/** A fresh secret, shown this once, with code that uses it as it stands. */
export function FreshSecret({ made, rotates, last = false }: Props) {
  const shown = useRef<HTMLDivElement>(null);
  useEffect(() => { shown.current?.focus(); }, []); // whoever asked for it goes on here
  if (!made.clientSecret) return null;
  return (
    <Alert ref={shown} tabIndex={-1} role="status" color="pine" icon={<Icon name="key" />} title={words.secretOnce}>
      <Stack gap="sm">
        <Text size="sm">{words.secretLead(last, rotates)}</Text>
        <Group gap="xs">
          <Text ff="monospace" size="sm" style={{ overflowWrap: "anywhere" }} data-testid="client-secret">{made.clientSecret}</Text>
          <CopyWords value={made.clientSecret} label={words.copySecret} />
        </Group>
        <Usage client={made} grants={made.grants ?? []} callbacks={made.callbacks ?? []} secret={made.clientSecret} />
      </Stack>
    </Alert>
  );
}
