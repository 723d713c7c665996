import { Group } from "@mantine/core";

import { groupOf, ownerOf } from "../../api/groups";
import { useCalled } from "../../session/session";
import { GroupLinks } from "../../ui/group-link";
import { ObjectLink } from "../../ui/object-link";

/** Who manages an application: people, each with the way to their page for who may open it, and groups. */
export function Owners({ names }: { names: string[] }) {
  const called = useCalled();
  return (
    <Group gap="xs" component="span" display="inline-flex">
      {names.map((name) => {
        const group = groupOf(name);
        return group === undefined ? <ObjectLink key={name} noun="users" name={name} shown={called(name)} /> : <GroupLinks key={name} names={[group]} before={ownerOf("")} />;
      })}
    </Group>
  );
}
