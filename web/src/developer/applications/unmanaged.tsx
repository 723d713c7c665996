import { Alert, Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { groupOf, ownersOf, useEmptyGroups } from "../../api/groups";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { GroupLinks } from "../../ui/group-link";
import { Icon } from "../../ui/icon";

const words = texts.developer.applications;

/** Says to administrators that nobody else manages the application: its owners are groups in which no user is. */
export function Unmanaged({ application }: { application: Schemas["Application"] }) {
  const owners = ownersOf(application);
  const groups = owners.flatMap((o) => groupOf(o) ?? []);
  const empty = useEmptyGroups(useTenant(), groups);
  if (groups.length === 0 || groups.length < owners.length || empty.length < groups.length) return null;
  return (
    <Alert role="status" color="yellow" icon={<Icon name="users" />} title={words.unmanaged}>
      <Text size="sm">{words.unmanagedLead} <GroupLinks names={groups} /></Text>
    </Alert>
  );
}
