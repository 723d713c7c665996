import { Alert, Text } from "@mantine/core";

import { texts } from "../texts";
import { Icon } from "../ui/icon";

const words = texts.manifestSet;

/** Says which manifest set an object belongs to, and that it is changed there. Nothing where it belongs to none. */
export function ManifestSetNote({ set }: { set: string | undefined }) {
  if (set === undefined) return null;
  return (
    <Alert color="blue" icon={<Icon name="code" />} title={words.title(set)}>
      <Text size="sm">{words.lead}</Text>
    </Alert>
  );
}
