import { List, Stack, Text } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";

import { kindOf, usersQuery, type UserList } from "../api/objects";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { ObjectLinks } from "../ui/object-link";

const words = texts.usedBy;

/** What becomes of those who use something that is deleted. */
export type Then = "refused" | "gone" | "stays";

/** Who uses an object, each list of users that has any; looking until all of that is known. */
export function useUsers(users: UserList[], enabled: boolean) {
  const tenant = useTenant();
  return useQueries({
    queries: users.map((list) => ({ ...usersQuery(tenant, list), enabled, staleTime: 0 })),
    combine: (all) => ({
      looking: all.some((one) => one.isPending && one.fetchStatus !== "idle"),
      some: all.flatMap((one, i) => {
        const list = users[i];
        return one.data && one.data.names.length > 0 && list ? [{ ...one.data, noun: list.noun, tenant: list.tenant ?? tenant }] : [];
      }),
    }),
  });
}

/** Who uses an object, and what deleting it would mean for them. */
export function UsedBy({ found, then }: { found: ReturnType<typeof useUsers>; then: Then }) {
  if (found.looking) return <Text size="sm" c="dimmed" role="status">{words.looking}</Text>;
  if (found.some.length === 0) return <Text size="sm" role="status">{words.nobody}</Text>;
  return (
    <Stack gap={4} role="status">
      <Text size="sm" {...(then === "refused" && { c: "red", fw: 600 })}>{words[then]}</Text>
      <List size="sm">
        {found.some.map((list) => (
          <List.Item key={list.noun}>
            {kindOf[list.noun]}: <ObjectLinks noun={list.noun} names={list.names} tenant={list.tenant} /> {list.more && words.more}
          </List.Item>
        ))}
      </List>
    </Stack>
  );
}
