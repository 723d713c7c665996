// What manifests call things, as people who fill in forms call them.
const kinds: Record<string, string> = {
  KeyManager: "key manager",
  OAuthClient: "client",
  Application: "application",
  Subscription: "subscription",
  Connection: "connection",
  Plan: "plan",
  User: "user",
  Tenant: "tenant",
};

const named = new RegExp(`\\b(${Object.keys(kinds).join("|")})(?= [a-z0-9])`, "g");

// How the command line does what stands before it, which the console has buttons for.
const command = /(?:[:;] keyward [^)]*| \(keyward [^)]*\))/g;

/** A text of the control plane without what is for manifests and the command line alone. */
export const inConsole = (text: string) => text.replace(command, "").replace(named, (kind) => kinds[kind] ?? kind);

// What is said of fields otherwise than to people who write manifests, by how the control plane's own words begin.
const otherwise: Record<string, [begins: string, words: string]> = {
  "spec.keyManagers": ["is required", "Select at least one key manager, or accept all of them"],
  "spec.operations": ["is required", "Add at least one operation, or take them from an OpenAPI document"],
  "spec.signIn.roles": ["is required", "Add at least one rule: without a role nobody is let in"],
  "spec.match": ["give any", "Choose every token, or a claim and how its value begins"],
  "spec.upstream": ["is required", "Enter a production upstream, a sandbox upstream, or both"],
};

/** What is wrong with a field, to whoever filled it in. */
export function faultInConsole({ path, message }: { path: string; message: string }): string {
  const [begins, words] = otherwise[path.replace(/^manifest\./, "")] ?? [];
  return begins !== undefined && message.startsWith(begins) ? (words ?? message) : inConsole(message);
}
