import { Alert, Divider, List, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";

import type { Schemas } from "../../api/client";
import { typesQuery, type ConnectorType } from "../../api/key-managers";
import type { Draft } from "../../object/draft";
import { ChoicesField, ListField, SelectField, Shown, SwitchField, TextField } from "../../object/fields";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Fold } from "../../ui/fold";
import { ObjectSelect } from "../../ui/object-select";
import { ClientDetails, Reach, ServerDetails, TokenDetails } from "./advanced";
import { SignInFields } from "./sign-in-fields";
import { TypeFields } from "./type-fields";
import { WayFields } from "./way-fields";

const words = texts.admin.keyManagerForm;

interface Props {
  draft: Draft<"key-managers">;
  isNew: boolean;
  /** What the server's metadata said: it stands, in grey, where nothing else is written. */
  metadata?: Schemas["KeyManagerStatus"] | undefined;
}

/** The settings of a key manager, in the order in which people think of them; those that few need are folded away. */
export function KeyManagerForm({ draft, isNew, metadata }: Props) {
  const tenant = useTenant();
  const { data: types } = useSuspenseQuery(typesQuery(tenant)); // which fields there are depends on them: none comes later
  const named = draft.object.spec.type;
  const type = types.find((t) => t.name === named);
  return (
    <Stack gap="lg" maw={860}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextField draft={draft} path={["metadata", "name"]} help={texts.common.nameHelp} required fixed={!isNew} />
        <TextField draft={draft} path={["spec", "displayName"]} help={words.displayNameHelp} />
        <SelectField
          draft={draft}
          path={["spec", "type"]}
          help={words.typeHelp}
          required
          fixed={!isNew}
          options={types.filter((t) => t.name !== "resident" || t.name === named).map((t) => ({ value: t.name, label: t.title }))}
        />
        <ChoicesField draft={draft} path={["spec", "environments"]} help={words.environmentsHelp} options={["production", "sandbox"]} />
      </SimpleGrid>
      {isNew && type && <Text size="sm" c="dimmed" maw={720} style={{ overflowWrap: "anywhere" }}>{type.help}</Text>}
      {named !== "resident" && <Reach draft={draft} />}
      {type && (type.limits ?? []).length > 0 && (
        <Alert color="blue" title={words.limits(type.title)}>
          <List size="sm">{(type.limits ?? []).map((limit) => <List.Item key={limit}>{limit}</List.Item>)}</List>
        </Alert>
      )}
      <Part title={words.server}>
        <TextField draft={draft} path={["spec", "discovery"]} help={words.discoveryHelp} />
        <TextField draft={draft} path={["spec", "issuer"]} help={words.issuerHelp} placeholder={metadata?.issuer} />
        <TextField draft={draft} path={["spec", "keys", "jwks"]} help={words.jwksHelp} placeholder={metadata?.jwks} />
        {named !== "resident" && <WayFields draft={draft} />}
        {named !== "resident" && <ServerDetails draft={draft} metadata={metadata} />}
      </Part>
      {type && (type.adminFields ?? []).length > 0 && (
        <Part title={words.credentials} path="spec.connection">
          <Credentials draft={draft} type={type} />
          <Asking draft={draft} type={type} />
        </Part>
      )}
      <Part title={words.tokens}>
        <ListField draft={draft} path={["spec", "tokens", "audiences"]} help={words.audiencesHelp} />
        <SelectField draft={draft} path={["spec", "tokens", "use"]} fallback="direct" options={words.uses} />
        <TokenDetails draft={draft} type={type} />
      </Part>
      <Part title={words.clients}>
        <SwitchField draft={draft} path={["spec", "clients", "create"]} help={words.createHelp} fallback={true} />
        <SwitchField draft={draft} path={["spec", "clients", "map"]} help={words.mapHelp} fallback={true} />
        <ListField draft={draft} path={["spec", "permissions", "allow"]} help={words.allowHelp} />
        <ClientDetails draft={draft} type={type} />
      </Part>
      {named !== "resident" && (
        <Part title={texts.admin.signIn.title} path="spec.signIn">
          <SignInFields draft={draft} />
        </Part>
      )}
    </Stack>
  );
}

function Part({ title, path, children }: { title: string; path?: string; children: React.ReactNode }) {
  return (
    <Stack gap="sm" {...(path && { "data-path": path, "data-label": title, tabIndex: -1 })}>
      <Divider />
      <Title order={2} size="h4">{title}</Title>
      <Stack maw={620}>{children}</Stack>
    </Stack>
  );
}

// A key manager has credentials of its own, or names a Connection of its type, which then has them.
function Credentials({ draft, type }: { draft: Draft<"key-managers">; type: ConnectorType }) {
  const { shared } = type;
  const named = draft.at("spec", "connection", "ref");
  const ref = typeof named === "string" ? named : undefined;
  const own = (type.adminFields ?? []).filter((f) => {
    const name = f.name.replace(/^connection\./, "");
    return name !== f.name && (ref === undefined || (shared?.beside ?? []).includes(name));
  });
  return (
    <>
      {(shared !== undefined || ref !== undefined) && (draft.fixed ? (
        <Shown label={words.connection}>{ref}</Shown>
      ) : (
        <ObjectSelect
          noun="connections"
          data-path="spec.connection.ref"
          label={words.connection}
          help={words.connectionHelp}
          placeholder={words.chooseConnection}
          none={words.noConnection}
          value={ref ?? null}
          narrowed={{ type: type.name }}
          free={(c) => c.spec.type === type.name}
          clearable
          error={draft.fault("spec", "connection", "ref")}
          change={(c) => { draft.put(c?.metadata?.name, "spec", "connection", "ref"); }}
        />
      ))}
      <TypeFields draft={draft} fields={own} />
    </>
  );
}

// How gateways ask the server about opaque tokens, which few servers give.
function Asking({ draft, type }: { draft: Draft<"key-managers">; type: ConnectorType }) {
  const fields = (type.adminFields ?? []).filter((f) => f.name.startsWith("introspection."));
  if (fields.length === 0) return null;
  return (
    <Fold label={words.asking} path="spec.introspection" inUse={draft.at("spec", "introspection") !== undefined || draft.fault("spec", "introspection") !== undefined}>
      <TypeFields draft={draft} fields={fields} />
    </Fold>
  );
}
