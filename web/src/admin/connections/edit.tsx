import { Alert, Anchor, List, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "react-router";

import type { Schemas } from "../../api/client";
import { typesQuery } from "../../api/key-managers";
import { objectName } from "../../api/objects";
import { DeleteButton } from "../../object/delete";
import type { Draft } from "../../object/draft";
import { ObjectEditor } from "../../object/editor";
import { SelectField, TextField } from "../../object/fields";
import { useEdited } from "../../object/use-edited";
import { useAddress, useName, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { CopyAsCode } from "../../ui/code-block";
import { Page, Section } from "../../ui/page";
import { DataTable } from "../../ui/table";
import { useListOf } from "../../ui/use-list";
import { KeyManagerUse } from "../key-managers/state";
import { TypeFields } from "../key-managers/type-fields";
import { WayFields } from "../key-managers/way-fields";

const words = texts.admin.connections;

/** Makes a Connection. */
export function NewConnection() {
  const to = useAddress();
  const navigate = useNavigate();
  return (
    <Page title={words.add} lead={words.addLead} above={[{ to: to("admin", "connections"), label: words.title }]}>
      <Edit
        base={{ object: { metadata: { name: "" }, spec: { type: "", connection: {} } } }}
        done={(name) => void navigate(to("admin", "connections", name))}
      />
    </Page>
  );
}

/** Changes a Connection; the key managers that use it are below. */
export function EditConnection() {
  const name = useName();
  const to = useAddress();
  const navigate = useNavigate();
  const stored = useEdited("connections", name);
  const notes = stored.object.status?.notes ?? [];
  return (
    <Page
      title={stored.object.spec.displayName ?? name}
      above={[{ to: to("admin", "connections"), label: words.title }]}
      actions={
        <>
          <CopyAsCode noun="connections" object={stored.object} />
          <DeleteButton
            noun="connections"
            stored={stored}
            list={to("admin", "connections")}
            lead={words.deleteLead}
            users={[{ noun: "key-managers", connection: name }]}
          />
        </>
      }
    >
      {notes.length > 0 && (
        <Alert color="yellow" title={texts.admin.keyManager.notes}>
          <List size="sm">{notes.map((note) => <List.Item key={note}>{note}</List.Item>)}</List>
        </Alert>
      )}
      <Edit base={stored} done={() => void navigate(to("admin", "connections"))} />
      <Users name={name} />
    </Page>
  );
}

function Edit({ base, done }: { base: { object: Schemas["Connection"]; etag?: string }; done: (name: string) => void }) {
  const to = useAddress();
  const navigate = useNavigate();
  return (
    <ObjectEditor
      noun="connections"
      base={base}
      done={(stored) => { done(objectName(stored)); }}
      cancel={() => void navigate(to("admin", "connections"))}
      form={(draft) => <Form draft={draft} isNew={base.etag === undefined} />}
    />
  );
}

function Form({ draft, isNew }: { draft: Draft<"connections">; isNew: boolean }) {
  const types = useQuery(typesQuery(useTenant()));
  const shared = (types.data ?? []).filter((t) => t.shared);
  const type = shared.find((t) => t.name === draft.object.spec.type);
  return (
    <Stack maw={620}>
      <TextField draft={draft} path={["metadata", "name"]} help={texts.common.nameHelp} required fixed={!isNew} />
      <TextField draft={draft} path={["spec", "displayName"]} />
      <SelectField
        draft={draft}
        path={["spec", "type"]}
        help={words.typeHelp}
        required
        fixed={!isNew}
        options={shared.map((t) => ({ value: t.name, label: t.title }))}
      />
      {type?.shared && <TypeFields draft={draft} fields={type.shared.fields ?? []} />}
      <WayFields draft={draft} />
    </Stack>
  );
}

function Users({ name }: { name: string }) {
  const to = useAddress();
  const list = useListOf("key-managers", { connection: name });
  return (
    <Section title={words.users}>
      <DataTable
        label={words.users}
        keyOf={objectName}
        empty={<Text c="dimmed">{words.noUser}</Text>}
        columns={[
          {
            title: texts.admin.nav.keyManagers,
            cell: (k) => <Anchor component={Link} to={to("admin", "key-managers", objectName(k))}>{k.spec.displayName ?? k.metadata?.name}</Anchor>,
          },
          { title: texts.admin.keyManagers.issuer, wide: true, cell: (k) => k.spec.issuer ?? k.status?.issuer },
          { title: texts.admin.keyManagers.state, cell: (k) => <KeyManagerUse keyManager={k} /> },
        ]}
        {...list}
      />
    </Section>
  );
}
