import { Alert, List, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import type { Schemas } from "../api/client";
import { groupQuery, ownerOf, ownersOf, useEmptyGroups } from "../api/groups";
import { objectName } from "../api/objects";
import { administers } from "../session/areas";
import { useSession } from "../session/session";
import { useAddress, useName, useTenant } from "../shell/place";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { ObjectLink } from "../ui/object-link";
import { OwnersInRow } from "../ui/owners";
import { Page, Section } from "../ui/page";
import { DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { useListOf } from "../ui/use-list";

const words = texts.admin.groups;

/** A group of people: the users in it, whom key managers' rules put there, and the applications that it owns. */
export function GroupPage() {
  const name = useName();
  const to = useAddress();
  const users = useListOf("users", { group: name });
  const applications = useListOf("applications", { owner: ownerOf(name) });
  const tenant = useTenant();
  const byRule = useQuery(groupQuery(tenant, name));
  const empty = useEmptyGroups(tenant, [name]).length > 0 && byRule.data?.rules?.length === 0;
  return (
    <Page title={name} lead={words.lead} above={[{ to: to("admin", "users"), label: texts.admin.users.title }]}>
      {empty && (applications.rows ?? []).length > 0 && (
        <Alert role="status" color="yellow" icon={<Icon name="users" />} title={words.nobody}><Text size="sm">{words.nobodyLead}</Text></Alert>
      )}
      <Section title={words.users}>
        <DataTable<Schemas["User"]>
          label={words.users}
          {...users}
          keyOf={objectName}
          empty={<Text c="dimmed">{words.noUser}</Text>}
          columns={[
            { title: texts.common.name, cell: (u) => <ObjectLink noun="users" name={objectName(u)} strong /> },
            { title: texts.admin.users.roles, wide: true, cell: (u) => (u.spec.roles ?? []).join(", ") },
          ]}
        />
      </Section>
      {(byRule.data?.rules ?? []).length > 0 && <ByRule {...byRule.data} />}
      <Section title={words.applications}>
        <DataTable<Schemas["Application"]>
          label={words.applications}
          {...applications}
          keyOf={objectName}
          empty={<Text c="dimmed">{words.noApplication}</Text>}
          columns={[
            { title: texts.common.name, cell: (a) => <ObjectLink noun="applications" name={objectName(a)} shown={a.spec.displayName} strong /> },
            { title: texts.developer.applications.owners, wide: true, cell: (a) => <OwnersInRow names={ownersOf(a)} /> },
          ]}
        />
      </Section>
    </Page>
  );
}

// Whoever a rule fits is in the group while they are signed in. Nobody knows the others: they are the server's.
function ByRule({ rules, people, capped }: Partial<Schemas["Group"]>) {
  const admin = administers(useSession());
  return (
    <Section title={words.byRule}>
      <Stack gap={4}>
        <Text size="sm" c="dimmed">{words.byRuleLead}</Text>
        <List size="sm">
          {(rules ?? []).map((rule, i) => (
            <List.Item key={i}>
              <ObjectLink noun="key-managers" name={rule.keyManager} />
              {rule.claim !== undefined && words.rule(rule.claim, typeof rule.equals === "string" ? rule.equals : JSON.stringify(rule.equals))}
            </List.Item>
          ))}
        </List>
      </Stack>
      {admin && (
        <>
          {capped && <Text size="sm" c="yellow">{words.capped}</Text>}
          <DataTable
            label={words.byRule}
            rows={people ?? []}
            keyOf={(one) => one.user}
            empty={<Text c="dimmed">{words.noneByRule}</Text>}
            columns={[
              { title: texts.common.name, cell: (one) => one.name },
              { title: words.through, cell: (one) => <ObjectLink noun="key-managers" name={one.keyManager} /> },
              { title: texts.sessions.seen, cell: (one) => <Time at={one.seen} past /> },
            ]}
          />
        </>
      )}
    </Section>
  );
}
