import { Code, Group, Stack, Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { serverPath } from "../../base";
import type { Draft } from "../../object/draft";
import { ListField, SelectField, SwitchField, TextField } from "../../object/fields";
import { SecretField } from "../../object/secret-fields";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Copy } from "../../ui/copy";
import { RoleRules } from "./role-rules";

const words = texts.admin.signIn;

/** Where servers send people back to, as this browser knows the control plane. */
const callback = (tenant: string) => `${location.origin}${serverPath}/session/callback${tenant === "default" ? "" : `/${tenant}`}`;

/** Whether people sign in to the console through the key manager, by which client, and with which roles. */
export function SignInFields({ draft }: { draft: Draft<"key-managers"> }) {
  const signIn = (draft.at("spec", "signIn") ?? {}) as Partial<Schemas["SignIn"]>;
  const address = callback(useTenant());
  const method = signIn.method ?? "basic";
  return (
    <Stack>
      <SwitchField draft={draft} path={["spec", "signIn", "enabled"]} label={words.enabled} help={words.enabledHelp} fallback={false} />
      {signIn.enabled === true && (
        <>
          <Text size="sm">
            {words.register}{" "}
            <Group component="span" gap={4} display="inline-flex">
              <Code>{address}</Code>
              <Copy value={address} label={texts.copy.copy} />
            </Group>
          </Text>
          <TextField draft={draft} path={["spec", "signIn", "clientId"]} label={words.clientId} help={words.clientIdHelp} required />
          <SelectField draft={draft} path={["spec", "signIn", "method"]} label={words.method} fallback="basic" options={words.methods} />
          {(method === "basic" || method === "post") && (
            <SecretField draft={draft} path={["spec", "signIn", "clientSecret"]} label={words.clientSecret} required />
          )}
          {method === "private_key_jwt" && (
            <SecretField draft={draft} path={["spec", "signIn", "key"]} label={words.key} help={words.keyHelp} required />
          )}
          <ListField draft={draft} path={["spec", "signIn", "scopes"]} label={words.scopes} help={words.scopesHelp} />
          <SwitchField draft={draft} path={["spec", "signIn", "userinfo"]} label={words.userinfo} help={words.userinfoHelp} fallback={false} />
          <TextField draft={draft} path={["spec", "signIn", "lifetime"]} label={words.lifetime} help={words.lifetimeHelp} placeholder="8h" />
          <RoleRules draft={draft} />
        </>
      )}
      {draft.fault("spec", "signIn") && signIn.enabled !== true && <Text size="sm" c="red">{draft.fault("spec", "signIn")}</Text>}
    </Stack>
  );
}
