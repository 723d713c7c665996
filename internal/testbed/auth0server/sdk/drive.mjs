// Drives the contract server with Auth0's own SDK: node drive.mjs ORIGIN KEY, a private key in PEM. It prints one JSON object with what the SDK
// understood of each answer. The SDK knows https only, so its requests are led to the origin by a fetch of our own.
import { ManagementClient } from "auth0";

const [origin, key] = process.argv.slice(2);
const domain = "tenant.example";

const led = (url, options) => fetch(String(url).replace(`https://${domain}`, origin), options);
const client = new ManagementClient({
  domain,
  clientId: "management-client",
  clientSecret: "management-secret",
  audience: `${origin}/api/v2/`,
  fetch: led,
  maxRetries: 0,
});

const refused = async (call) => {
  try {
    await call();
    return { accepted: true };
  } catch (e) {
    return { name: e.constructor.name, status: e.statusCode, body: e.body };
  }
};

const made = await client.clients.create({
  name: "by-sdk",
  app_type: "non_interactive",
  grant_types: ["client_credentials"],
  callbacks: [],
  token_endpoint_auth_method: "client_secret_post",
});
const grant = await client.clientGrants.create({
  client_id: made.client_id,
  audience: "https://orders.example/api",
  scope: ["orders:read"],
});
const again = await refused(() =>
  client.clientGrants.create({ client_id: made.client_id, audience: "https://orders.example/api", scope: [] }),
);
const grants = async (query) => {
  const all = [];
  for await (const g of await client.clientGrants.list(query)) all.push(g);
  return all;
};
const orders = await client.resourceServers.get("https://orders.example/api");
await client.resourceServers.update("https://orders.example/api", {
  scopes: [...orders.scopes, { value: "orders:admin", description: "By the SDK" }],
});
const defined = (await client.resourceServers.get("https://orders.example/api")).scopes.map((s) => s.value);
const widened = await client.clientGrants.update(grant.id, { scope: ["orders:read", "orders:admin"] });
const held = await grants({ client_id: made.client_id, take: 50 });
const undefinedScope = await refused(() => client.clientGrants.update(grant.id, { scope: ["no:such"] }));
const noServer = await refused(() => client.resourceServers.get("https://other.example"));
await client.clientGrants.delete(grant.id);
const ungranted = await grants({ client_id: made.client_id });
const changed = await client.clients.update(made.client_id, { callbacks: ["https://app.example/cb"] });
const read = await client.clients.get(made.client_id, { fields: "client_id,name,grant_types", include_fields: true });
const listed = [];
for await (const c of await client.clients.list({ per_page: 50 })) listed.push(c.client_id);
const rotated = await client.clients.rotateSecret(made.client_id);
const bad = await refused(() => client.clients.create({ name: 7 }));
await client.clients.delete(made.client_id);
const gone = await refused(() => client.clients.get(made.client_id));

const wrong = new ManagementClient({ domain, token: "wrong", fetch: led, maxRetries: 0 });
const unauthorized = await refused(() => wrong.clients.get(made.client_id));

const keyed = new ManagementClient({
  domain,
  clientId: "management-key-client",
  clientAssertionSigningKey: key,
  audience: `${origin}/api/v2/`,
  fetch: led,
  maxRetries: 0,
});
const byKey = [];
for await (const c of await keyed.clients.list({ per_page: 50 })) byKey.push(c.client_id);

console.log(
  JSON.stringify({
    made, grant, again, read, listed, rotated, bad, gone, unauthorized, defined, widened, held, undefinedScope, noServer, ungranted,
    changed, byKey,
  }),
);
