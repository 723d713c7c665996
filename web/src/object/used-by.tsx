import { List, Stack, Text } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";

import { kindOf, usersQuery, type UserList } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";

const words = texts.usedBy;

/** What becomes of those who use something that is deleted. */
export type Then = "refused" | "gone" | "stays";

/** Who uses an object, and what deleting it would mean for them. */
export function UsedBy({ users, then }: { users: UserList[]; then: Then }) {
  const tenant = useTenant();
  const found = useQueries({
    queries: users.map((list) => usersQuery(tenant, list)),
    combine: (all) => ({ looking: all.some((one) => one.isPending), lists: all.map((one) => one.data) }),
  });
  if (found.looking) return <Text size="sm" c="dimmed">{words.looking}</Text>;
  const some = found.lists.flatMap((list, i) => {
    const noun = users[i]?.noun;
    return list && list.names.length > 0 && noun ? [{ ...list, kind: kindOf[noun] }] : [];
  });
  if (some.length === 0) return <Text size="sm" role="status">{words.nobody}</Text>;
  return (
    <Stack gap={4} role="status">
      <Text size="sm" {...(then === "refused" && { c: "red" })}>{words[then]}</Text>
      <List size="sm">
        {some.map((list) => (
          <List.Item key={list.kind}>
            {list.kind}: {list.names.join(", ")} {list.more && words.more}
          </List.Item>
        ))}
      </List>
    </Stack>
  );
}
