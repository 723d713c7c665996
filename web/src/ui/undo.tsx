import { Button, Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { messageOf } from "../api/problem";
import { texts } from "../texts";

const words = texts.undo;

interface Done {
  tenant: string;
  /** What was done, in a sentence. */
  message: string;
  /** Puts it back as it was. */
  undo: () => Promise<unknown>;
}

/** Says what was done, with the button that undoes it for as long as people need to notice a mistake. */
export function sayDone(done: Done): void {
  notifications.show({
    message: <Undo {...done} />,
    color: "pine",
    autoClose: 20_000,
    closeButtonProps: { "aria-label": texts.common.close },
  });
}

function Undo({ tenant, message, undo }: Done) {
  const queries = useQueryClient();
  const run = useMutation({ mutationFn: undo, onSettled: () => queries.invalidateQueries({ queryKey: [tenant] }) });
  return (
    <Stack gap={4}>
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" fw={600}>{run.isSuccess ? words.undone : message}</Text>
        {!run.isSuccess && (
          <Button size="compact-sm" variant="light" loading={run.isPending} onClick={() => { run.mutate(); }}>{words.undo}</Button>
        )}
      </Group>
      {run.error && <Text size="sm" c="red" role="alert">{messageOf(run.error)}</Text>}
    </Stack>
  );
}
