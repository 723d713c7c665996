import { admin } from "./admin";
import { developer } from "./developer";
import { publisher } from "./publisher";

const { keyManagerForm: manager, newKeyManager: added, signIn } = admin;
const { apis, plans } = publisher;

/**
 * What the fields of forms are called, by where in the manifest their values are. Forms take their labels from here, and so does
 * whatever names a field where no form is.
 */
export const fields: Record<string, string> = {
  "metadata.name": "Name",
  "spec.displayName": "Display name",

  "spec.environments": manager.environments,
  "spec.type": manager.type,
  "spec.enabled": manager.enabled,
  "spec.global": manager.global,
  "spec.discovery": manager.discovery,
  "spec.issuer": manager.issuer,
  "spec.otherIssuers": manager.otherIssuers,
  "spec.otherIssuers.issuer": manager.issuer,
  "spec.otherIssuers.until": manager.until,
  "spec.otherIssuers.keys.jwks": manager.jwks,
  "spec.otherIssuers.keys": manager.pasted,
  "spec.keys.jwks": manager.jwks,
  "spec.keys.pem": manager.pasted,
  "spec.keys.jwksInline": manager.pasted,
  "spec.keys.refresh": manager.refresh,
  "spec.keys": manager.jwks,
  "spec.endpoints.token": "Token endpoint",
  "spec.endpoints.authorization": "Authorization endpoint",
  "spec.endpoints.introspection": "Introspection endpoint",
  "spec.endpoints.revocation": "Revocation endpoint",
  "spec.endpoints.registration": "Registration endpoint",
  "spec.endpoints.userinfo": "Userinfo endpoint",
  "spec.endpoints": manager.endpoints,
  "spec.display.token": manager.shownAs("Token endpoint"),
  "spec.display.authorization": manager.shownAs("Authorization endpoint"),
  "spec.display.introspection": manager.shownAs("Introspection endpoint"),
  "spec.display.revocation": manager.shownAs("Revocation endpoint"),
  "spec.display.registration": manager.shownAs("Registration endpoint"),
  "spec.display.userinfo": manager.shownAs("Userinfo endpoint"),
  "spec.display": manager.display,
  "spec.outbound.proxy": added.proxy,
  "spec.outbound.ca": added.ca,
  "spec.outbound.timeout": manager.timeout,
  "spec.outbound.proxyUser": manager.proxyUser,
  "spec.outbound.proxyPassword": manager.proxyPassword,
  "spec.outbound.certificate": manager.certificate,
  "spec.outbound.key": manager.certificateKey,
  "spec.outbound.maxAnswer": manager.maxAnswer,
  "spec.outbound": manager.way,
  "spec.connection.ref": manager.connection,
  "spec.connection": manager.credentials,
  "spec.introspection": manager.asking,
  "spec.tokens.audiences": manager.audiences,
  "spec.tokens.use": manager.use,
  "spec.tokens.match": manager.match,
  "spec.tokens.require": manager.require,
  "spec.tokens.algorithms": manager.algorithms,
  "spec.tokens.type": manager.tokenType,
  "spec.tokens.jwt": manager.jwt,
  "spec.tokens.clockSkew": manager.clockSkew,
  "spec.claims.clientId": manager.clientIdClaims,
  "spec.claims.scopes": manager.scopeClaims,
  "spec.claims.grants": manager.grants,
  "spec.claims.mapping": manager.mapping,
  "spec.clients.create": manager.create,
  "spec.clients.map": manager.map,
  "spec.clients.approval.production": manager.approvalIn("production"),
  "spec.clients.approval.sandbox": manager.approvalIn("sandbox"),
  "spec.clients.grantTypes": manager.grantTypes,
  "spec.clients.constraints": manager.constraints,
  "spec.clients.tokens": manager.tokensForTrying,
  "spec.permissions.allow": manager.allow,
  "spec.permissions.deny": manager.deny,
  "spec.signIn.enabled": signIn.enabled,
  "spec.signIn.clientId": signIn.clientId,
  "spec.signIn.method": signIn.method,
  "spec.signIn.clientSecret": signIn.clientSecret,
  "spec.signIn.key": signIn.key,
  "spec.signIn.ownCallback": signIn.ownCallback,
  "spec.signIn.scopes": signIn.scopes,
  "spec.signIn.userinfo": signIn.userinfo,
  "spec.signIn.lifetime": signIn.lifetime,
  "spec.signIn.roles": signIn.rules,
  "spec.signIn": signIn.title,

  "spec.title": apis.title,
  "spec.context": apis.context,
  "spec.version": apis.version,
  "spec.default": apis.isDefault,
  "spec.upstream.production": apis.production,
  "spec.upstream.sandbox": apis.sandbox,
  "spec.state": apis.state,
  "spec.visibility": apis.visibility,
  "spec.keyManagers": apis.keyManagers,
  "spec.audiences": apis.audiences,
  "spec.operations": apis.operations,
  "spec.subscription": apis.subscription,
  "spec.plans": apis.plans,
  "spec.credential": apis.credential,
  "spec.backendJWT.enabled": apis.backendJWT,
  "spec.backendJWT.subject": apis.subject,

  "spec.rate": plans.limits,
  "spec.approval": plans.approval,
  "spec.keys.approval.production": admin.tenants.keysFor("production"),
  "spec.keys.approval.sandbox": admin.tenants.keysFor("sandbox"),
  "spec.owners": developer.applications.owners,
  "spec.scopes": manager.givesScopes,
  "spec.email": admin.users.email,
  "spec.roles": admin.users.roles,
  "spec.groups": admin.users.groups,
};

/**
 * What the field for a path is called: its own name, or that of the nearest thing it is part of, and of a list the row, from 1.
 * titles are those of fields that not every form has.
 */
export function fieldNamed(path: string, titles: Record<string, string> = {}): { label: string; row: number | undefined } | undefined {
  const wanted = path.replace(/^manifest\./, "");
  const row = /\[(\d+)\]/.exec(wanted)?.[1];
  for (let at = wanted.replace(/\[\d+\]/g, ""); at !== ""; at = at.slice(0, Math.max(at.lastIndexOf("."), 0))) {
    const label = titles[at] ?? (Object.hasOwn(fields, at) ? fields[at] : undefined);
    if (label !== undefined) return { label, row: row === undefined ? undefined : Number(row) + 1 };
  }
  return undefined;
}
