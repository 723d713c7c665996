import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useMutation, usePrefetchQuery } from "@tanstack/react-query";
import { useNavigate } from "react-router";

import { passwordLink } from "../../api/admin";
import type { Schemas } from "../../api/client";
import { useEmptyGroups, useOwnedBy } from "../../api/groups";
import { objectName } from "../../api/objects";
import { endSessions, sessionsKey, sessionsQuery } from "../../api/sessions";
import { DeleteButton } from "../../object/delete";
import { ObjectEditor } from "../../object/editor";
import { ChoicesField, ListField, TextField } from "../../object/fields";
import { useEdited } from "../../object/use-edited";
import { administers, roles } from "../../session/areas";
import { useSession } from "../../session/session";
import { SessionTable } from "../../session/session-table";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { CodeBlock } from "../../ui/code-block";
import { Icon } from "../../ui/icon";
import { ObjectLinks } from "../../ui/object-link";
import { Page, Section } from "../../ui/page";
import { ProblemAlert } from "../../ui/problem-alert";
import { Revoke } from "../../ui/revoke";

const words = texts.admin.users;

/** Makes a user, who gets in by a one-time link. */
export function NewUser() {
  const to = useAddress();
  const navigate = useNavigate();
  return (
    <Page title={words.add} lead={words.addLead} above={[{ to: to("admin", "users"), label: words.title }]}>
      <Edit
        base={{ object: { metadata: { name: "" }, spec: { roles: ["developer"] } } }}
        done={(name) => void navigate(to("admin", "users", name))}
      />
    </Page>
  );
}

/** Changes a user, and lets them in with a one-time link. */
export function EditUser() {
  const to = useAddress();
  const name = useName();
  const navigate = useNavigate();
  const tenant = useTenant();
  usePrefetchQuery(sessionsQuery(tenant, { user: name })); // asked for at once, not after the user
  const stored = useEdited("users", name);
  return (
    <Page
      title={name}
      above={[{ to: to("admin", "users"), label: words.title }]}
      actions={
        <DeleteButton
          noun="users"
          stored={stored}
          list={to("admin", "users")}
          lead={words.deleteLead}
          users={[{ noun: "applications", owner: name }]}
          then="stays"
        >
          <LeftAlone user={stored.object} next={{ ...stored.object, spec: {} }} />
        </DeleteButton>
      }
    >
      <Edit base={stored} done={() => void navigate(to("admin", "users"))} />
      {administers(useSession()) && <><PasswordLink name={name} /><TheirSessions name={name} /></>}
    </Page>
  );
}

function Edit({ base, done }: { base: { object: Schemas["User"]; etag?: string }; done: (name: string) => void }) {
  const to = useAddress();
  const navigate = useNavigate();
  return (
    <ObjectEditor
      noun="users"
      base={base}
      done={(stored) => { done(objectName(stored)); }}
      cancel={() => void navigate(to("admin", "users"))}
      before={(draft, stored) => stored && <LeftAlone user={stored} next={draft.object} />}
      form={(draft) => (
        <Stack maw={560}>
          <TextField draft={draft} path={["metadata", "name"]} help={texts.common.nameHelp} required fixed={base.etag !== undefined} />
          <TextField draft={draft} path={["spec", "email"]} />
          <ChoicesField draft={draft} path={["spec", "roles"]} help={words.rolesHelp} options={roles} />
          <ListField draft={draft} path={["spec", "groups"]} help={words.groupsHelp} />
        </Stack>
      )}
    />
  );
}

// What nobody but administrators manages any more once the user has left a group that has no other.
function LeftAlone({ user, next }: { user: Schemas["User"]; next: Schemas["User"] }) {
  const tenant = useTenant();
  const left = (user.spec.groups ?? []).filter((group) => !(next.spec.groups ?? []).includes(group));
  const alone = useOwnedBy(tenant, useEmptyGroups(tenant, left, user.metadata?.name));
  if (alone.length === 0) return null;
  return (
    <Alert role="status" color="yellow" icon={<Icon name="users" />} title={words.leftAlone}>
      <Text size="sm">{words.leftAloneLead}</Text>
      {alone.map(({ group, names, more }) => (
        <Text key={group} size="sm">
          {group}: <ObjectLinks noun="applications" names={names} /> {more && texts.usedBy.more}
        </Text>
      ))}
    </Alert>
  );
}

function PasswordLink({ name }: { name: string }) {
  const tenant = useTenant();
  const run = useMutation({ mutationFn: () => passwordLink(tenant, name) });
  return (
    <Section title={words.password}>
      <Text size="sm" c="dimmed">{words.passwordLead}</Text>
      <Group><Button variant="light" loading={run.isPending} onClick={() => { run.mutate(); }}>{words.link}</Button></Group>
      {run.error && <ProblemAlert error={run.error} />}
      {run.data && (
        <Alert role="status" color="pine" icon={<Icon name="link" />} title={words.linkOnce}>
          <CodeBlock label={words.linkLabel}>{run.data}</CodeBlock>
        </Alert>
      )}
    </Section>
  );
}

function TheirSessions({ name }: { name: string }) {
  const tenant = useTenant();
  const { everywhere, everywhereOf, everywhereOfLead, of } = texts.sessions;
  return (
    <Section title={of}>
      <SessionTable tenant={tenant} whose={{ user: name }} may />
      <Revoke
        words={{ revoke: everywhere, revokeTitle: everywhereOf, revokeLead: everywhereOfLead }}
        name={name}
        stale={sessionsKey(tenant)}
        revoke={() => endSessions(tenant, name)}
      />
    </Section>
  );
}
