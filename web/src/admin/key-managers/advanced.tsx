import { SimpleGrid, Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import type { ConnectorType } from "../../api/key-managers";
import { ApprovalField } from "../../object/approval-field";
import type { Draft } from "../../object/draft";
import { ChoicesField, ListField, SelectField, SwitchField, TextField } from "../../object/fields";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Fold } from "../../ui/fold";
import { ConstraintRows } from "./constraint-rows";
import { IssuerRows } from "./issuers";
import { PastedKeys } from "./pasted-keys";
import { GrantRows, MappingRows, MatchRows, RequireRows } from "./rows";

const words = texts.admin.keyManagerForm;

type KeyManagerDraft = Draft<"key-managers">;

interface Props {
  draft: KeyManagerDraft;
}

// A fold shows itself where one of these is given or has a fault.
const used = (draft: KeyManagerDraft, ...paths: string[][]) =>
  paths.some((path) => draft.at(...path) !== undefined || draft.fault(...path) !== undefined);

/** Whether it counts at all, and where. */
export function Reach({ draft }: Props) {
  const global = useTenant() === "default"; // no other tenant has one
  return (
    <Fold label={words.reach} inUse={used(draft, ["spec", "enabled"], ["spec", "global"])}>
      <SwitchField draft={draft} path={["spec", "enabled"]} help={words.enabledHelp} fallback={true} />
      {(global || draft.at("spec", "global") === true) && (
        <SwitchField draft={draft} path={["spec", "global"]} help={words.globalHelp} fallback={false} />
      )}
    </Fold>
  );
}

type Endpoint = keyof Schemas["Endpoints"];

const endpoints: [path: string[], name: Endpoint][] = [
  [["spec", "endpoints", "token"], "token"],
  [["spec", "endpoints", "authorization"], "authorization"],
  [["spec", "endpoints", "introspection"], "introspection"],
  [["spec", "endpoints", "revocation"], "revocation"],
  [["spec", "endpoints", "registration"], "registration"],
  [["spec", "endpoints", "userinfo"], "userinfo"],
];

/** What metadata say, where somebody has to say it, and keys and issuers beside the main ones. */
export function ServerDetails({ draft, metadata }: Props & { metadata: Schemas["KeyManagerStatus"] | undefined }) {
  return (
    <>
      <Fold label={words.endpoints} inUse={used(draft, ["spec", "endpoints"], ["spec", "display"])}>
        <Text size="xs" c="dimmed">{words.endpointsHelp}</Text>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          {endpoints.map(([path, name]) => <TextField key={name} draft={draft} path={path} placeholder={metadata?.endpoints?.[name] ?? "https://"} />)}
        </SimpleGrid>
        <Text size="sm" fw={600}>{words.display}</Text>
        <Text size="xs" c="dimmed">{words.displayHelp}</Text>
        <Displayed draft={draft} path={["spec", "display"]} />
      </Fold>
      <Fold
        label={words.keys}
        inUse={used(draft, ["spec", "keys", "refresh"], ["spec", "keys", "pem"], ["spec", "keys", "jwksInline"], ["spec", "otherIssuers"])}
      >
        <OwnKeys draft={draft} />
        <TextField draft={draft} path={["spec", "keys", "refresh"]} help={words.refreshHelp} placeholder="5m" />
        <IssuerRows draft={draft} path={["spec", "otherIssuers"]} />
      </Fold>
    </>
  );
}

// What developers are shown in the place of each endpoint.
function Displayed({ draft, path }: Props & { path: string[] }) {
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      {endpoints.map(([, name]) => <TextField key={name} draft={draft} path={[...path, name]} placeholder="https://" />)}
    </SimpleGrid>
  );
}

// Public keys in the place of a URL; what people have of them is PEM or a set.
function OwnKeys({ draft }: Props) {
  const path = ["spec", "keys"];
  const [pem, jwksInline] = ["pem", "jwksInline"].map((form) => draft.at(...path, form));
  return (
    <PastedKeys
      path="spec.keys.pem spec.keys.jwksInline"
      label={words.pasted}
      help={words.pastedHelp}
      value={{ ...(Array.isArray(pem) && { pem: pem as string[] }), ...(jwksInline !== undefined && { jwksInline }) }}
      change={(next) => {
        draft.put(next.pem, ...path, "pem");
        draft.put(next.jwksInline, ...path, "jwksInline");
      }}
      fixed={draft.fixed}
      fault={draft.fault(...path, "pem") ?? draft.fault(...path, "jwksInline")}
    />
  );
}

const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

/** Which tokens are the key manager's, and what is read from them. */
export function TokenDetails({ draft, type }: Props & { type: ConnectorType | undefined }) {
  const rules = ["match", "require", "algorithms", "type", "jwt", "clockSkew"].map((field) => ["spec", "tokens", field]);
  return (
    <>
      <Fold label={words.tokenRules} inUse={used(draft, ...rules)}>
        <MatchRows draft={draft} path={["spec", "tokens", "match"]} />
        <RequireRows draft={draft} path={["spec", "tokens", "require"]} />
        <ChoicesField draft={draft} path={["spec", "tokens", "algorithms"]} help={words.algorithmsHelp} options={algorithms} />
        <SelectField draft={draft} path={["spec", "tokens", "type"]} help={words.tokenTypeHelp} fallback="access" options={words.tokenTypes} />
        <SelectField draft={draft} path={["spec", "tokens", "jwt"]} fallback="local" options={words.jwtWays} />
        <TextField draft={draft} path={["spec", "tokens", "clockSkew"]} help={words.clockSkewHelp} placeholder="30s" />
      </Fold>
      <Fold label={words.claims} inUse={used(draft, ["spec", "claims"])}>
        <ListField draft={draft} path={["spec", "claims", "clientId"]} help={words.clientIdClaimsHelp((type?.clientIdClaims ?? []).join(", "))} />
        <ListField draft={draft} path={["spec", "claims", "scopes"]} help={words.scopeClaimsHelp((type?.scopeClaims ?? []).join(", "))} />
        <GrantRows draft={draft} path={["spec", "claims", "grants"]} />
        <MappingRows draft={draft} path={["spec", "claims", "mapping"]} />
      </Fold>
    </>
  );
}

/** What developers may ask for, and who has to approve it. */
export function ClientDetails({ draft, type }: Props & { type: ConnectorType | undefined }) {
  const rules = ["tokens", "grantTypes", "constraints", "approval"].map((field) => ["spec", "clients", field]);
  return (
    <Fold label={words.clientRules} inUse={used(draft, ...rules, ["spec", "permissions", "deny"])}>
      <ListField draft={draft} path={["spec", "permissions", "deny"]} help={words.denyHelp} />
      <ApprovalField draft={draft} path={["spec", "clients", "approval"]} options={words.approvals} unsaid="" />
      <ListField draft={draft} path={["spec", "clients", "grantTypes"]} help={words.grantTypesHelp} />
      <ConstraintRows draft={draft} path={["spec", "clients", "constraints"]} type={type} />
      <SwitchField draft={draft} path={["spec", "clients", "tokens"]} help={words.tokensForTryingHelp} fallback={true} />
    </Fold>
  );
}
