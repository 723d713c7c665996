import { Group, Text } from "@mantine/core";

import { groupOf, ownerOf } from "../api/groups";
import { useCalled } from "../session/called";
import { useTenant } from "../shell/place";
import { GroupLinks } from "./group-link";
import { ObjectLink } from "./object-link";

/** Who manages an application: people, each with the way to their page for who may open it, and groups. */
export function Owners({ names }: { names: string[] }) {
  const called = useCalled(useTenant(), names);
  return (
    <Group gap="xs" component="span" display="inline-flex">
      {names.map((name) => {
        const group = groupOf(name);
        if (group !== undefined) return <GroupLinks key={name} names={[group]} before={ownerOf("")} />;
        const known = called(name);
        if (known === undefined) return <ObjectLink key={name} noun="users" name={name} />;
        return (
          <Text key={name} span size="sm" style={{ overflowWrap: "anywhere" }}>
            {known} <Text span size="xs" c="dimmed">{name}</Text>
          </Text>
        );
      })}
    </Group>
  );
}

/** The same in a row of a list, where names are enough and the rest is read by pointing at them. */
export function OwnersInRow({ names }: { names: string[] }) {
  const called = useCalled(useTenant(), names);
  return <Text size="sm" title={names.join(", ")} style={{ overflowWrap: "anywhere" }}>{names.map((name) => called(name) ?? name).join(", ")}</Text>;
}
