import { Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient, type QueryKey } from "@tanstack/react-query";

import { Confirm } from "./confirm";

interface Props {
  words: { revoke: string; revokeTitle: (name: string) => string; revokeLead: string };
  name: string;
  /** What has to be typed, where the end concerns more than one person. */
  word?: string;
  /** What is asked for anew afterwards. */
  stale: QueryKey;
  revoke: () => Promise<void>;
}

/** A button with the dialog that ends a credential. */
export function Revoke({ words, name, word, stale, revoke }: Props) {
  const queries = useQueryClient();
  const [opened, { open, close }] = useDisclosure(false);
  const run = useMutation({
    mutationFn: revoke,
    onSuccess: async () => {
      close();
      await queries.invalidateQueries({ queryKey: stale });
    },
  });
  return (
    <>
      <Group><Button size="xs" variant="default" c="red" onClick={open}>{words.revoke}</Button></Group>
      <Confirm
        opened={opened}
        close={close}
        title={words.revokeTitle(name)}
        {...(word !== undefined && { word })}
        action={words.revoke}
        run={() => { run.mutate(); }}
        pending={run.isPending}
        error={run.error}
      >
        <Text size="sm">{words.revokeLead}</Text>
      </Confirm>
    </>
  );
}
