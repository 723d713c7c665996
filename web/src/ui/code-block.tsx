import { Button, Code, Drawer, Group, Paper, Text, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { lazy, Suspense } from "react";

import type { Noun, Nouns } from "../api/objects";
import { texts } from "../texts";
import { CopyWords } from "./copy";
import { Icon } from "./icon";
import { Loading } from "./loading";

// What writes YAML comes when somebody looks at it.
const AsCode = lazy(async () => ({ default: (await import("./as-code")).AsCode }));

/** A block of text to read or copy. */
export function CodeBlock({ label, children }: { label: string; children: string }) {
  return (
    <Paper withBorder p={0} style={{ overflow: "hidden" }}>
      <Group justify="space-between" px="sm" py={6}>
        <Text size="xs" c="dimmed">{label}</Text>
        <CopyWords value={children} label={texts.copy.copy} />
      </Group>
      <Code block tabIndex={0} aria-label={label} mah={520} style={{ overflow: "auto", borderRadius: 0 }}>
        {children}
      </Code>
    </Paper>
  );
}

/** The button that shows an object as code. */
export function CopyAsCode<N extends Noun>({ noun, object }: { noun: N; object: Nouns[N] }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Tooltip label={texts.code.open}>
        <Button variant="default" px="sm" aria-label={texts.code.open} onClick={open}>
          <Icon name="code" size={16} />
        </Button>
      </Tooltip>
      <Drawer opened={opened} onClose={close} position="right" size="xl" title={texts.code.title}>
        <Suspense fallback={<Loading />}><AsCode noun={noun} object={object} /></Suspense>
      </Drawer>
    </>
  );
}
