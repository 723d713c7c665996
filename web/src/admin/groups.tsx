import { Alert, Text } from "@mantine/core";

import type { Schemas } from "../api/client";
import { ownerOf, ownersOf, useEmptyGroups } from "../api/groups";
import { useAddress, useName, useTenant } from "../shell/place";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { ObjectLink } from "../ui/object-link";
import { Page, Section } from "../ui/page";
import { DataTable } from "../ui/table";
import { useListOf } from "../ui/use-list";

const words = texts.admin.groups;

/** A group of people: the users in it, and the applications that it owns. */
export function GroupPage() {
  const name = useName();
  const to = useAddress();
  const users = useListOf("users", { group: name });
  const applications = useListOf("applications", { owner: ownerOf(name) });
  const empty = useEmptyGroups(useTenant(), [name]).length > 0;
  return (
    <Page title={name} lead={words.lead} above={[{ to: to("admin", "users"), label: texts.admin.users.title }]}>
      {empty && (applications.rows ?? []).length > 0 && (
        <Alert role="status" color="yellow" icon={<Icon name="users" />} title={words.nobody}><Text size="sm">{words.nobodyLead}</Text></Alert>
      )}
      <Section title={words.users}>
        <DataTable<Schemas["User"]>
          label={words.users}
          {...users}
          keyOf={(u) => u.metadata?.name ?? ""}
          empty={<Text c="dimmed">{words.noUser}</Text>}
          columns={[
            { title: texts.common.name, cell: (u) => <ObjectLink noun="users" name={u.metadata?.name ?? ""} strong /> },
            { title: texts.admin.users.roles, wide: true, cell: (u) => (u.spec.roles ?? []).join(", ") },
          ]}
        />
      </Section>
      <Section title={words.applications}>
        <DataTable<Schemas["Application"]>
          label={words.applications}
          {...applications}
          keyOf={(a) => a.metadata?.name ?? ""}
          empty={<Text c="dimmed">{words.noApplication}</Text>}
          columns={[
            { title: texts.common.name, cell: (a) => <ObjectLink noun="applications" name={a.metadata?.name ?? ""} shown={a.spec.displayName} strong /> },
            { title: texts.developer.applications.owners, wide: true, cell: (a) => ownersOf(a).join(", ") },
          ]}
        />
      </Section>
    </Page>
  );
}
