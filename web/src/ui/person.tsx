import { Stack, Text } from "@mantine/core";

import { ObjectLink } from "./object-link";

/** Somebody who did or asked something: a user, or who signed in through a key manager, which calls them by a name of its own. */
export function Person({ user, called }: { user: string; called: string | undefined }) {
  if (called === undefined) return <ObjectLink noun="users" name={user} />;
  return (
    <Stack gap={0} title={user}>
      <Text size="sm">{called}</Text>
      <Text size="xs" c="dimmed">{user.split("|")[0]}</Text>
    </Stack>
  );
}
