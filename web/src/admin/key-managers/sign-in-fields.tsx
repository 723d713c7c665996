import { Code, Group, Select, Stack, Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { serverPath } from "../../base";
import type { Draft } from "../../object/draft";
import { isFixed, ListField, SelectField, Shown, SwitchField, TextField } from "../../object/fields";
import { CredentialField } from "../../object/secret-fields";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Copy } from "../../ui/copy";
import { RoleRules } from "./role-rules";

const words = texts.admin.signIn;

type KeyManagerDraft = Draft<"key-managers">;

/** Where the server sends people back to, as this browser knows the control plane: of a client that is declared. */
function callback(tenant: string, name: string, own: boolean): string {
  const tail = own ? `/${tenant}/${name}` : tenant === "default" ? "" : `/${tenant}`;
  return `${location.origin}${serverPath}/session/callback${tail}`;
}

/** Whether people sign in to the console through the key manager, by which client, and with which roles. */
export function SignInFields({ draft }: { draft: KeyManagerDraft }) {
  const signIn = (draft.at("spec", "signIn") ?? {}) as Partial<Schemas["SignIn"]>;
  return (
    <Stack>
      <SwitchField draft={draft} path={["spec", "signIn", "enabled"]} help={words.enabledHelp} fallback={false} />
      {signIn.enabled === true && (
        <>
          <ClientFields draft={draft} signIn={signIn} />
          <ListField draft={draft} path={["spec", "signIn", "scopes"]} help={words.scopesHelp} />
          <UserinfoField draft={draft} asked={signIn.userinfo} />
          <TextField draft={draft} path={["spec", "signIn", "lifetime"]} help={words.lifetimeHelp} placeholder="8h" />
          <RoleRules draft={draft} />
        </>
      )}
      {draft.fault("spec", "signIn") && signIn.enabled !== true && <Text size="sm" c="red">{draft.fault("spec", "signIn")}</Text>}
    </Stack>
  );
}

/** The console's client: one that Keyward registers, or one that somebody registered by hand. */
function ClientFields({ draft, signIn }: { draft: KeyManagerDraft; signIn: Partial<Schemas["SignIn"]> }) {
  const tenant = useTenant();
  const method = signIn.method ?? "basic";
  const connected = Object.keys(draft.at("spec", "connection") ?? {}).length > 0;
  const name = draft.at("metadata", "name");
  const byHand = Boolean(signIn.clientId);
  const address = callback(tenant, typeof name === "string" ? name : "", signIn.ownCallback === true);
  return (
    <>
      {!byHand && <Text size="sm">{connected ? words.byItself : words.notByItself}</Text>}
      <TextField
        draft={draft}
        path={["spec", "signIn", "clientId"]}
        help={connected ? words.clientIdOptional : words.clientIdHelp}
        required={!connected}
      />
      {(byHand || !connected) && (
        <Text size="sm">
          {words.register}{" "}
          <Group component="span" gap={4} display="inline-flex">
            <Code>{address}</Code>
            <Copy value={address} label={texts.copy.copy} />
          </Group>
        </Text>
      )}
      {byHand && (
        <>
          <SelectField draft={draft} path={["spec", "signIn", "method"]} fallback="basic" options={words.methods} />
          {(method === "basic" || method === "post") && (
            <CredentialField draft={draft} path={["spec", "signIn", "clientSecret"]} required />
          )}
          {method === "private_key_jwt" && (
            <CredentialField draft={draft} lines path={["spec", "signIn", "key"]} help={words.keyHelp} required />
          )}
          <SwitchField
            draft={draft}
            path={["spec", "signIn", "ownCallback"]}
            help={words.ownCallbackHelp}
            fallback={false}
          />
        </>
      )}
    </>
  );
}

const choices: { value: string; asked: boolean | undefined }[] = [
  { value: "lacking", asked: undefined },
  { value: "always", asked: true },
  { value: "never", asked: false },
];

function UserinfoField({ draft, asked }: { draft: KeyManagerDraft; asked: boolean | undefined }) {
  const path = ["spec", "signIn", "userinfo"];
  const value = choices.find((one) => one.asked === asked)?.value ?? "lacking";
  const options = choices.map((one) => ({ value: one.value, label: words.userinfoChoices[one.value] ?? one.value }));
  if (isFixed({ draft, path })) {
    return <Shown label={words.userinfo}>{words.userinfoChoices[value]}</Shown>;
  }
  return (
    <Select
      label={words.userinfo}
      description={words.userinfoHelp}
      data-path={path.join(".")}
      error={draft.fault(...path)}
      data={options}
      value={value}
      allowDeselect={false}
      onChange={(chosen) => { draft.put(choices.find((one) => one.value === chosen)?.asked, ...path); }}
    />
  );
}
