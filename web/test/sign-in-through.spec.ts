import { expect, type Page } from "@playwright/test";

import { complaintsOf, faultsIn, forEverybody, open, password, person, signIn } from "./browser";
import { startKeycloak, type Realm } from "./keycloak";
import { apply, manifest, rest, test, world } from "./start";

let realm: Realm;
let administrator: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

const secret = "console-secret-at-keycloak";

test.beforeAll(async ({ browser }) => {
  const member = (username: string, firstName: string, group: string) => ({
    username, firstName, lastName: "Lee", email: `${username}@corp.example`, emailVerified: true, enabled: true, groups: [`/${group}`],
    credentials: [{ type: "password", value: password, temporary: false }],
  });
  realm = await startKeycloak({
    realm: `console-${process.pid}`,
    groups: [{ name: "apis" }, { name: "others" }],
    users: [member("admin", "Ann", "apis"), member("bob", "Bob", "others")], // admin is a user's name here, too
    clients: [{
      clientId: "console", secret, publicClient: false, standardFlowEnabled: true,
      redirectUris: [`${world().url}/session/callback`],
      attributes: { "pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+" },
      protocolMappers: [{
        name: "groups", protocol: "openid-connect", protocolMapper: "oidc-group-membership-mapper",
        config: { "claim.name": "groups", "full.path": "false", "id.token.claim": "true" },
      }],
    }],
  });
  await person("marker", "admin");
  await apply(world(), [
    manifest("KeyManager", "corp", { type: "keycloak", displayName: "Corporate SSO", discovery: realm.issuer, clients: { create: false } }),
  ]);
  administrator = await (await browser.newContext()).newPage();
  complaints = complaintsOf(administrator);
  await signIn(administrator, "marker");
});

test.afterAll(async () => { await realm.end(); });

test("an administrator marks a key manager for sign-in by its form, and the check tries it", async () => {
  await open(administrator, "admin/key-managers/corp/edit", "Edit corp");
  await administrator.getByRole("switch", { name: "People sign in through it" }).click();
  await expect(administrator.getByText(`${world().url}/session/callback`)).toBeVisible();
  await administrator.getByRole("textbox", { name: "Console's client ID" }).fill("console");
  await administrator.getByRole("button", { name: "Add a rule" }).click();
  await administrator.getByRole("textbox", { name: "Equals or contains" }).fill("apis");
  await administrator.getByLabel("Role", { exact: true }).first().click();
  await administrator.getByRole("option", { name: "publisher" }).click();
  await forEverybody(administrator, "key-manager-sign-in");
  await administrator.getByRole("button", { name: "Save" }).click();
  await expect(administrator.getByText(/^is required: the console's client proves itself with it/).first()).toBeVisible();
  await administrator.getByLabel("Console's client secret").fill(secret);
  await administrator.getByRole("button", { name: "Save" }).click();
  await expect(administrator.getByRole("heading", { level: 1, name: "Corporate SSO", exact: true })).toBeVisible();
  await expect(administrator.getByText("with roles by rule")).toBeVisible();
  const report = (await rest(world(), "POST", "/api/v1/key-managers/corp/check", { register: false })) as {
    steps: { step: string; verdict: string; seen: string }[];
  };
  const signInSteps = report.steps.filter((s) => s.step.startsWith("sign-in") || s.step === "redirect URI");
  expect(signInSteps.map((s) => `${s.step} ${s.verdict}`)).toEqual(["sign-in pass", "sign-in client pass", "redirect URI pass"]);
  expect(complaints()).toEqual([]);
});

async function throughKeycloak(page: Page, name: string, way = "Corporate SSO"): Promise<void> {
  await page.getByRole("link", { name: `Sign in with ${way}` }).click();
  await expect(page).toHaveURL((url) => url.href.startsWith(realm.issuer));
  await page.locator("#username").fill(name);
  await page.locator("#password").fill(password);
  await page.locator("#kc-login").click();
}

test("people come in by Keycloak's own page with the roles of the rules, and sign out there too", async ({ browser }) => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${world().url}/console/default/publisher/plans`);
  await expect(page.getByRole("link", { name: "Sign in with Keyward account" })).toBeVisible();
  await forEverybody(page, "sign-in");
  await throughKeycloak(page, "admin");
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible(); // where they wanted to go
  const who = (await (await page.request.get(`${world().url}/api/v1/session`)).json()) as Record<string, unknown>;
  expect(who).toMatchObject({ name: "Ann Lee", keyManager: "corp", roles: ["publisher"], user: `corp|${String(who.subject)}` });
  await expect(page.getByRole("link", { name: "Users" })).toHaveCount(0); // Keycloak's admin is not ours
  await page.getByRole("button", { name: "Your account" }).click();
  await expect(page.getByText("Ann Lee")).toBeVisible();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("link", { name: "Sign in with Corporate SSO" })).toBeVisible();
  expect(page.url()).toContain(`${world().url}/console/`);
  await page.getByRole("link", { name: "Sign in with Corporate SSO" }).click();
  await expect(page.locator("#password")).toBeVisible(); // signed out there, too

  await page.goto(`${world().url}/console/default/publisher/plans`);
  await throughKeycloak(page, "bob");
  await expect(page.getByRole("heading", { name: "You are not signed in" })).toBeVisible();
  await expect(page.getByText("Ask an administrator of tenant default")).toBeVisible();
  for (const look of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: look });
    expect(await page.evaluate(() => getComputedStyle(document.querySelector("main") ?? document.body).borderTopWidth)).toBe("1px"); // its style came
    expect(await faultsIn(page, look)).toEqual([]);
    if (look === "light" && process.env.KEYWARD_SCREENSHOTS) await page.screenshot({ path: "../docs/console/sign-in-refused.png" });
  }
  await page.getByRole("link", { name: "Sign in another way" }).click();
  await expect(page.getByRole("link", { name: "Sign in with Keyward account" })).toBeVisible();
  expect(page.url()).toContain("/console/default/publisher/plans");
  await page.context().close();
});

test("a hold ends the sessions of a key manager at once, and takes the way in away", async ({ browser }) => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${world().url}/console/default/publisher/plans`);
  await throughKeycloak(page, "admin");
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible();
  await rest(world(), "POST", "/api/v1/key-managers/corp/hold", { reason: "an incident" });
  await page.reload();
  await expect(page.getByRole("link", { name: "Sign in with Keyward account" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Sign in with Corporate SSO" })).toHaveCount(0);
  await rest(world(), "POST", "/api/v1/key-managers/corp/unhold");
  await page.reload();
  await expect(page.getByRole("link", { name: /Keyward account/ })).toBeVisible(); // what ended stays so
  await page.context().close();
});

test("a server that is away is said with what to do, and the other ways stay", async ({ browser }) => {
  const away = "http://127.0.0.1:1";
  await apply(world(), [
    manifest("KeyManager", "away", {
      type: "oidc", displayName: "Partner SSO", issuer: away, keys: { jwks: `${away}/keys` },
      endpoints: { authorization: `${away}/authorize`, token: `${away}/token` },
      signIn: { enabled: true, clientId: "console", method: "none", roles: [{ claim: "groups", equals: "apis", role: "publisher" }] },
    }),
  ]);
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${world().url}/console/default/publisher/plans`);
  await page.getByRole("link", { name: "Sign in with Partner SSO" }).click();
  await expect(page.getByText("it cannot be reached now")).toBeVisible();
  await expect(page.getByText("keyward keymanager check away")).toBeVisible();
  await page.getByRole("link", { name: "Sign in another way" }).click();
  await page.getByRole("link", { name: "Sign in with Corporate SSO" }).click();
  await expect(page.locator("#password")).toBeVisible();
  await page.context().close();
});

/** Has every later client tell people's groups in ID tokens, as docs/connectors/keycloak.md says. */
async function tellGroups(): Promise<void> {
  await realm.admin("POST", "/client-scopes", {
    name: "groups", protocol: "openid-connect",
    protocolMappers: [{
      name: "groups", protocol: "openid-connect", protocolMapper: "oidc-group-membership-mapper",
      config: { "claim.name": "groups", "full.path": "false", "id.token.claim": "true" },
    }],
  });
  const scopes = (await realm.admin("GET", "/client-scopes")) as { id: string; name: string }[];
  await realm.admin("PUT", `/default-default-client-scopes/${scopes.find((one) => one.name === "groups")?.id}`);
}

const ours = async () =>
  ((await realm.admin("GET", "/clients")) as { name?: string }[]).filter((one) => one.name?.startsWith("keyward-")).length;

test("with a connection and two fields, Keyward registers its client itself, and deletes it with the key manager", async ({ browser }) => {
  await tellGroups();
  const { token } = (await realm.admin("POST", "/clients-initial-access", { expiration: 3600, count: 5 })) as { token: string };
  await rest(world(), "DELETE", "/api/v1/key-managers/corp"); // the realm is one key manager's
  await apply(world(), [
    manifest("KeyManager", "corp", {
      type: "keycloak", displayName: "Corporate SSO", discovery: `${realm.issuer}/.well-known/openid-configuration`,
      connection: { initialAccessToken: token },
      signIn: { enabled: true, roles: [{ claim: "/groups", equals: "apis", role: "publisher", groups: ["crew"] }] },
    }),
  ]);
  await open(administrator, "admin/key-managers/corp", "Corporate SSO");
  await expect(administrator.getByRole("heading", { name: "The console's client at the server" })).toBeVisible();
  await expect(administrator.getByText("in use", { exact: true }).last()).toBeVisible();
  await expect(administrator.getByText(`${world().url}/session/callback/default/corp`)).toBeVisible();
  await forEverybody(administrator, "key-manager-console-client");

  const page = await (await browser.newContext()).newPage();
  await page.goto(`${world().url}/console/default/publisher/plans`);
  await throughKeycloak(page, "admin");
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible();
  await open(administrator, "admin/groups/crew", "crew");
  await expect(administrator.getByText("/groups equals or contains apis")).toBeVisible();
  await expect(administrator.getByRole("row").filter({ hasText: "Ann Lee" })).toContainText("corp");
  await forEverybody(administrator, "group-by-rule");
  await open(administrator, "admin/key-managers/corp", "Corporate SSO");
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("link", { name: "Sign in with Corporate SSO" })).toBeVisible();
  expect(page.url()).toContain(`${world().url}/console/`);
  await page.context().close();

  await administrator.getByRole("button", { name: "Check now" }).click();
  await expect(administrator.getByText("in use", { exact: true }).last()).toBeVisible();
  await open(administrator, "admin/key-managers/corp/edit", "Edit corp");
  await expect(administrator.getByText("Keyward registers its own client at the server")).toBeVisible();
  expect(await ours()).toBe(1);
  await rest(world(), "DELETE", "/api/v1/key-managers/corp");
  await expect.poll(ours).toBe(0);
  expect(complaints()).toEqual([]);
});
