import { expect, type BrowserContext, type Page } from "@playwright/test";

import { complaintsOf, forEverybody, open as openOn, password } from "./browser";
import { apply, manifest, test, world } from "./start";

let context: BrowserContext;
let page: Page;
let complaints: () => string[];

// Each test goes on where the one before it left the browser.
test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  context = await browser.newContext();
  page = await context.newPage();
  complaints = complaintsOf(page);
});

test.afterEach(() => {
  expect(complaints()).toEqual([]);
});

const open = (path: string, heading: string | RegExp) => openOn(page, path, heading);

test("the administrator chooses a password by the one-time link and signs in", async () => {
  await page.goto(world().link);
  const fields = page.locator('input[type="password"]');
  for (let i = 0; i < (await fields.count()); i++) await fields.nth(i).fill(password);
  await page.locator('button[type="submit"]').click();
  await page.goto(world().url);
  await page.getByRole("link", { name: /Keyward account/ }).click();
  const name = page.locator('input[name="username"], input[autocomplete="username"]').first();
  if (await name.isVisible().catch(() => false)) {
    await name.fill("admin");
    await page.locator('input[type="password"]').first().fill(password);
    await page.locator('button[type="submit"]').first().click();
  }
  await expect(page.getByRole("heading", { level: 1, name: "Key managers", exact: true })).toBeVisible();
  expect(page.url()).toContain("/console/default/admin/key-managers");
});

test("the first load is small", async ({ browser }) => {
  const fresh = await browser.newContext({ storageState: await context.storageState() });
  const first = await fresh.newPage();
  const devtools = await fresh.newCDPSession(first);
  await devtools.send("Network.enable");
  let bytes = 0;
  devtools.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  const elsewhere: string[] = [];
  first.on("request", (request) => {
    if (!request.url().startsWith(world().url) && !request.url().startsWith("data:")) elsewhere.push(request.url());
  });
  await first.goto(`${world().url}/console/default/admin/key-managers`);
  await expect(first.getByRole("link", { name: "resident" })).toBeVisible();
  await first.waitForLoadState("networkidle");
  expect(bytes).toBeGreaterThan(50_000);
  expect(bytes).toBeLessThan(300 * 1024);
  expect(elsewhere).toEqual([]);
  await fresh.close();
});

const pages: [path: string, heading: string | RegExp, name: string][] = [
  ["admin/key-managers", "Key managers", "key-managers"],
  ["admin/key-managers/new", "Add a key manager", "key-manager-new"],
  ["admin/key-managers/resident", "resident", "key-manager"],
  ["admin/key-managers/resident/health", "resident", "key-manager-health"],
  ["admin/key-managers/resident/traffic", "resident", "key-manager-traffic"],
  ["admin/key-managers/resident/clients", "resident", "key-manager-clients"],
  ["admin/key-managers/resident/check", "resident", "key-manager-check"],
  ["admin/key-managers/resident/edit", "Edit resident", "key-manager-edit"],
  ["admin/decisions", "Decisions", "decisions"],
  ["admin/approvals", "Approvals", "approvals"],
  ["admin/gateways", "Gateways", "gateways"],
  ["admin/audit", "Audit log", "audit"],
  ["admin/users", "Users", "users"],
  ["admin/users/alice", "alice", "user"],
  ["admin/users/new", "Add a user", "user-new"],
  ["admin/tokens", "API tokens", "tokens"],
  ["admin/connections/new", "Add a connection", "connection-new"],
  ["admin/tenants/new", "Add a tenant", "tenant-new"],
  ["admin/nothing", "Page not found", "missing"],
  ["publisher/apis", "APIs", "apis"],
  ["publisher/apis/new", "New API", "api-new"],
  ["publisher/apis/orders", "Orders", "api"],
  ["publisher/apis/orders/edit", "Edit orders", "api-edit"],
  ["publisher/plans", "Plans", "plans"],
  ["publisher/plans/gold", "Edit gold", "plan"],
  ["publisher/plans/new", "New plan", "plan-new"],
  ["publisher/requests", "Subscription requests", "subscription-requests"],
  ["developer/apis", "APIs", "catalog"],
  ["developer/apis/orders", "Orders", "catalog-api"],
  ["developer/applications", "Applications", "applications"],
  ["developer/applications/new", "New application", "application-new"],
  ["developer/applications/till", "Till", "application-keys"],
  ["developer/applications/shop", "Shop", "application-key-new"],
  ["developer/applications/shop/subscriptions", "Shop", "application-subscriptions"],
  ["developer/applications/shop/settings", "Shop", "application-settings"],
];

for (const [path, heading, name] of pages) {
  test(`${name} has no serious fault for anybody, light, dark and on a phone`, async () => {
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    await open(path, heading);
    await forEverybody(page, name);
  });
}

const dialogs: [path: string, heading: string, button: string, name: string][] = [
  ["admin/key-managers/resident", "resident", "Copy as code", "copy-as-code"],
  ["admin/key-managers/resident", "resident", "Hold", "hold"],
  ["admin/gateways", "Gateways", "Add a gateway", "gateway-new"],
  ["admin/audit", "Audit log", "Search", "search"],
];

for (const [path, heading, button, name] of dialogs) {
  test(`the dialog ${name} has no serious fault for anybody, and gives the focus back`, async () => {
    await open(path, heading);
    const opener = page.getByRole("button", { name: button, exact: button !== "Search" }).first();
    await opener.focus();
    await page.keyboard.press("Enter");
    await expect(page.getByRole("dialog")).toBeVisible();
    await forEverybody(page, name);
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
    await expect(opener).toBeFocused();
  });
}

test("a key manager is added from its address, checked before it is saved, and in use at once", async () => {
  await open("admin/key-managers/new", "Add a key manager");
  const address = page.getByRole("textbox", { name: /Issuer or well-known/ });
  for (const [typed, said] of [
    ["http://127.0.0.1:1/nobody", /nothing listens there, so see whether host and port are right/],
    [`${world().url}/console`, /a page for people, not with metadata: give the issuer/],
    [`${world().url}/t/nowhere`, /answered 404: give the issuer/],
    [world().url.replace("http:", "https:"), /speaks no TLS: see whether the port is right/],
  ] as const) {
    await address.fill(typed);
    await page.getByRole("button", { name: "Read metadata" }).click();
    await expect(page.getByRole("alert")).toContainText(said);
    await expect(address).toHaveValue(typed);
  }
  await page.getByText(/It is behind a proxy/).click();
  const proxy = page.getByRole("textbox", { name: "Proxy" });
  await proxy.fill("http://127.0.0.1:1");
  await address.fill(`${world().url}/t/partner/`);
  await page.getByRole("button", { name: "Read metadata" }).click();
  await expect(page.getByRole("alert")).toContainText("nothing listens there");
  await proxy.fill("");
  await page.getByRole("button", { name: "Read metadata" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Review before you save" })).toContainText("write it without the slash");
  await page.getByRole("textbox", { name: /^Name/ }).fill("typed-in-vain");
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Discard changes" }).click();
  await expect(address).toHaveValue(`${world().url}/t/partner/`);
  await address.fill(`${world().url}/t/partner`);
  await page.getByRole("button", { name: "Read metadata" }).click();
  await page.getByRole("textbox", { name: /^Name/ }).fill("partner");
  await page.getByRole("button", { name: "Run the live checks" }).click();
  await expect(page.getByRole("list", { name: "Live checks" }).getByText("discovery", { exact: true })).toBeVisible();
  await expect(page.getByText(/Everything is in order|It works, but|Something is wrong/)).toBeVisible();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "partner", exact: true })).toBeVisible();
  await expect(page.getByRole("link", { name: "orders" })).toBeVisible();
});

test("two people who edit one object see both versions", async () => {
  await open("publisher/plans/gold", "Edit gold");
  await page.getByRole("textbox", { name: "Requests" }).fill("7");
  await apply(world(), [manifest("Plan", "gold", { rate: { requests: 55, per: "1s" } })]);
  await page.getByRole("button", { name: "Save" }).click();
  const conflict = page.getByRole("alert").filter({ hasText: "Someone else has changed this" });
  await expect(conflict).toContainText("55");
  await expect(conflict).toContainText("7");
  await conflict.getByRole("button", { name: /Keep mine/ }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible();
  await expect(page.getByText("7 per second")).toBeVisible();
});

test("what is discarded is not stored, and what YAML cannot say is not saved", async () => {
  const writes: string[] = [];
  const note = (request: { method: () => string; url: () => string }) => {
    if (request.method() !== "GET") writes.push(request.url());
  };
  await open("developer/applications/shop/settings", "Shop");
  page.on("request", note);
  await page.getByRole("textbox", { name: "Display name" }).fill("Shop that nobody wants");
  await page.getByRole("link", { name: "APIs", exact: true }).click();
  await page.getByRole("button", { name: "Discard changes" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "APIs", exact: true })).toBeVisible();
  page.off("request", note);
  expect(writes).toEqual([]);
  await open("developer/applications/shop/settings", "Shop");
  await page.getByRole("tab", { name: "YAML" }).click();
  await page.getByRole("textbox", { name: "YAML" }).fill("kind: [");
  await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
  await expect(page.getByRole("tab", { name: "Form" })).toBeDisabled();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
});

test("an API is made from its OpenAPI document", async () => {
  await open("publisher/apis/new", "New API");
  await page.getByRole("textbox", { name: /^Name/ }).fill("stock");
  await page.getByRole("textbox", { name: /^Context/ }).fill("/stock");
  await page.getByRole("textbox", { name: /^Production upstream/ }).fill(world().url);
  await page.getByText("All key managers", { exact: true }).click();
  const document = {
    openapi: "3.0.3",
    info: { title: "Stock", version: "1" },
    components: { securitySchemes: { o: { type: "oauth2", flows: { clientCredentials: { tokenUrl: "https://x/t", scopes: { "stock:read": "" } } } } } },
    paths: { "/levels": { get: { security: [{ o: ["stock:read"] }], responses: { 200: { description: "" } } } } },
  };
  await page.locator('input[type="file"]').setInputFiles({
    name: "stock.json",
    mimeType: "application/json",
    buffer: Buffer.from(JSON.stringify(document)),
  });
  await page.getByRole("button", { name: "Preview changes" }).click();
  await expect(page.getByText("The API would be created.")).toBeVisible();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Stock", exact: true })).toBeVisible();
  await expect(page.getByText("draft", { exact: true })).toBeVisible();
});

test("a developer has a working key in a minute, rotates it and ends it", async () => {
  await open("developer/applications/shop?key-manager=resident", "Shop");
  await page.getByRole("button", { name: "Generate keys" }).click();
  const secret = await page.getByTestId("client-secret").textContent();
  expect(secret?.length ?? 0).toBeGreaterThan(20);
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByText("active", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Get a test token" }).click();
  const token = await page.getByRole("region", { name: /Access token/ }).or(page.locator('code[aria-label^="Access token"], pre[aria-label^="Access token"]')).first().textContent();
  const answer = await page.request.get(`${world().gateway}/orders/v1/docs`, { headers: { Authorization: `Bearer ${token ?? ""}` } });
  expect(answer.status()).toBe(200);
  expect(await page.content()).not.toContain(secret ?? "?");
  await page.getByRole("button", { name: "Rotate secret" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate secret" }).click();
  const second = await page.getByTestId("client-secret").textContent();
  expect(second).not.toBe(secret);
  await page.getByRole("dialog").getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  const dialog = page.getByRole("dialog");
  const word = (await dialog.getByText(/Type .* to confirm/).textContent())?.replace(/^Type (.*) to confirm$/, "$1") ?? "";
  await expect(dialog.getByRole("button", { name: "Delete", exact: true })).toBeDisabled();
  await dialog.getByRole("textbox").fill(word);
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("button", { name: "Generate keys" })).toBeVisible();
});

test("a hold is shown in red where it stops things, and lifted", async () => {
  await open("developer/applications/shop", "Shop");
  await page.getByRole("button", { name: "Hold", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Reason" }).fill("leaked key");
  await dialog.getByRole("textbox", { name: /Type shop/ }).fill("shop");
  await dialog.getByRole("button", { name: "Hold", exact: true }).click();
  const banner = page.getByRole("alert").filter({ hasText: "leaked key" });
  await expect(banner).toBeVisible();
  await banner.getByRole("button", { name: "Lift hold" }).click();
  await expect(banner).toBeHidden();
});

test("search by keyboard finds objects and pages", async () => {
  await open("admin/audit", "Audit log");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("orders"); // at once, before the field can have the focus
  const field = page.getByRole("searchbox", { name: /Search key managers/ }).or(page.getByRole("textbox", { name: /Search key managers/ }));
  await expect(field).toBeFocused();
  await expect(field).toHaveValue("orders");
  await expect(page.getByText("Orders", { exact: true })).toBeVisible();
  await page.keyboard.press("Enter"); // what fits best
  await expect(page.getByRole("heading", { level: 1, name: "Orders", exact: true })).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("till");
  await expect(page.getByRole("dialog").locator("[data-action]").first()).toContainText("Till"); // and no more what "ti" found
  await page.keyboard.press("ArrowDown"); // or what the arrow keys choose
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Till", exact: true })).toBeVisible();
});

test("a refused call is found by its id, with the step that failed and what to change", async () => {
  const refused = await page.request.get(`${world().gateway}/orders/v1/docs`, { headers: { Authorization: "Bearer nonsense" } });
  expect(refused.status()).toBe(401);
  const id = refused.headers()["x-keyward-decision"] ?? "";
  await open("admin/decisions", "Decisions");
  await expect(page.getByText(id)).toBeVisible();
  await page.getByRole("textbox", { name: "Decision ID" }).fill(id);
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "GET orders /docs", exact: true })).toBeVisible();
  await expect(page.getByText("401 invalid_token")).toBeVisible();
  await expect(page.getByRole("region", { name: "Where it failed" }).getByText("What to change:")).toBeVisible();
  await expect(page.getByRole("link", { name: "orders" })).toBeVisible();
  await forEverybody(page, "decision");
});

test("what people wrote is text", async () => {
  await apply(world(), [
    manifest("API", "invoices", {
      title: "<img src=x onerror=alert(1)>",
      context: "/invoices",
      version: "v1",
      upstream: { production: world().url },
      keyManagers: ["resident"],
      operations: [{ method: "GET", path: "/latest", scopes: ["invoices:read"] }],
    }),
  ]);
  await open("publisher/apis/invoices", "<img src=x onerror=alert(1)>");
  expect(await page.locator("img").count()).toBe(0);
});

test("a session that ended asks to sign in and comes back to the page", async () => {
  await open("admin/users", "Users");
  await context.clearCookies({ name: /keyward-session/ });
  await page.reload();
  await expect(page.getByRole("heading", { level: 1, name: "Keyward", exact: true })).toBeVisible();
  await page.getByRole("link", { name: /Keyward account/ }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Users", exact: true })).toBeVisible();
});

test("signing out ends the session here and at the authorization server", async () => {
  await open("admin/users", "Users");
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("link", { name: /Keyward account/ })).toBeVisible();
  await page.getByRole("link", { name: /Keyward account/ }).click();
  await expect(page.locator('input[type="password"]')).toBeVisible();
});
