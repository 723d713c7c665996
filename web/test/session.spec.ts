import { expect, type BrowserContext, type Page, type Route } from "@playwright/test";

import { complaintsOf, fillIn, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

let context: BrowserContext;
let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await person("sitter", "admin", "publisher");
  await person("asker", "developer");
  await apply(world(), [
    manifest("Plan", "kept-plan", { rate: { requests: 3, per: "1s" } }),
    manifest("Application", "sitting", { owners: ["sitter"] }),
    manifest("Application", "sitting-too", { owners: ["asker"] }),
    manifest("KeyManager", "kept-manager", {
      type: "external",
      displayName: "Kept",
      issuer: "https://kept.example",
      keys: { jwks: "http://127.0.0.1:1/keys" },
      endpoints: { introspection: "http://127.0.0.1:1/introspect" },
      introspection: { clientId: "gateway", clientSecret: "the first secret" },
    }),
  ]);
  context = await browser.newContext();
  page = await context.newPage();
  complaints = complaintsOf(page);
  await signIn(page, "sitter");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

const ended = () => page.getByRole("dialog", { name: "Your session has ended" });

const keptIn = (tab: Page) => tab.evaluate(() => JSON.stringify(sessionStorage));

test("a session that expired asks to sign in over the page, and the draft is there again afterwards", async () => {
  await open(page, "publisher/plans/kept-plan", "Edit kept-plan");
  await page.getByRole("textbox", { name: "Requests" }).fill("17");
  expect(await keptIn(page)).not.toContain("keyward-draft"); // only while there is no session
  await context.clearCookies({ name: /keyward-session/ }); // what a browser does with an expired cookie
  await page.getByRole("button", { name: "Save" }).click();
  await expect(ended()).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Requests", includeHidden: true })).toHaveValue("17");
  await forEverybody(page, "session-ended");
  await page.evaluate(() => { window.open = () => null; }); // a browser that opens no window
  await ended().getByRole("link", { name: /Keyward account/ }).click();
  await expect(page.getByText("Your earlier changes are still here")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1, name: "Edit kept-plan", exact: true })).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Requests" })).toHaveValue("17");
  expect(await keptIn(page)).not.toContain("keyward-draft");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible();
  await expect(page.getByText("17 per second")).toBeVisible();
});

test("what was kept is there for the page that signing in in the same tab leads to, however late that page comes", async () => {
  await open(page, "publisher/plans/new", "New plan");
  await page.getByRole("textbox", { name: /^Name/ }).fill("late-plan");
  await context.clearCookies({ name: /keyward-session/ });
  await page.evaluate(() => {
    window.open = () => null;
    new BroadcastChannel("keyward-session").postMessage("ended");
  });
  await expect(ended()).toBeVisible();
  const start = /\/session\/start/;
  const next = new Promise<Route>((held) => void page.route(start, held));
  const click = ended().getByRole("link", { name: /Keyward account/ }).click(); // done when the next page is there
  const late = await next;
  const seen = page.waitForResponse((r) => r.url().endsWith("/api/v1/session") && r.ok());
  const other = await context.newPage();
  await other.goto(world().url);
  await other.getByRole("link", { name: /Keyward account/ }).click();
  await seen; // the page of before knows that somebody is signed in, and goes on
  await page.waitForResponse(/\/waiting/);
  await late.continue();
  await click;
  await expect(page.getByText("Your earlier changes are still here")).toBeVisible();
  await expect(page.getByRole("textbox", { name: /^Name/ })).toHaveValue("late-plan");
  await page.unroute(start);
  await other.close();
});

test("a list that asks for nothing notices that its session ended, when somebody comes back to it", async ({ browser }) => {
  const theirs = await (await browser.newContext()).newPage();
  await person("list-reader", "admin");
  await signIn(theirs, "list-reader");
  await open(theirs, "admin/users", "Users");
  await rest(world(), "POST", "/api/v1/sessions/end", { user: "list-reader" });
  await theirs.evaluate(() => window.dispatchEvent(new Event("visibilitychange")));
  await expect(theirs.getByRole("dialog", { name: "Your session has ended" })).toBeVisible();
  await theirs.context().close();
});

test("signing in again in a window of its own leaves the page as it is, a secret that was typed too", async () => {
  await open(page, "developer/applications/shop?key-manager=kept-manager", "Shop");
  await page.getByRole("textbox", { name: "Client ID" }).fill("somebody's client");
  await page.getByLabel("Client secret").fill("a secret of somebody");
  await context.clearCookies(); // its server's session, too: the window asks for the password
  await page.getByRole("button", { name: "Map client" }).click();
  await expect(ended()).toBeVisible();
  await expect.poll(() => keptIn(page)).toContain("somebody's client");
  expect(await keptIn(page)).not.toContain("a secret of somebody");
  const opened = page.waitForEvent("popup");
  await ended().getByRole("link", { name: /Keyward account/ }).click();
  const apart = await opened;
  const closed = apart.waitForEvent("close");
  await fillIn(apart, "sitter");
  await closed;
  await expect(ended()).toBeHidden();
  await expect(page.getByText("You are signed in again")).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Client ID" })).toHaveValue("somebody's client");
  await expect(page.getByLabel("Client secret")).toHaveValue("a secret of somebody");
  await expect.poll(() => keptIn(page)).not.toContain("keyward-typed");
});

// Where something is typed: the page, what is typed there, and what is there again after signing in in the same tab.
const forms: [what: string, path: string, heading: string, type: () => Promise<void>, again: () => Promise<void>][] = [
  ["the form that generates keys", "developer/applications/shop?key-manager=resident", "Shop", async () => {
    await page.getByRole("combobox", { name: "Scopes" }).fill("orders:read");
    await page.keyboard.press("Enter");
  }, () => expect(page.getByText("orders:read", { exact: true })).toBeVisible()],
  ["rotation", "developer/applications/till?key-manager=resident", "Till", async () => {
    await page.getByRole("button", { name: "Rotate secret" }).click();
    await page.getByRole("textbox", { name: /Keep the old secret/ }).fill("36h");
  }, () => expect(page.getByRole("dialog").getByRole("textbox", { name: /Keep the old secret/ })).toHaveValue("36h")],
  ["subscribing", "developer/applications/sitting/subscriptions", "sitting", async () => {
    await page.getByRole("combobox", { name: "Subscribe to" }).click();
    await page.getByRole("option", { name: "Orders" }).click();
    await page.getByRole("combobox", { name: "Plan" }).click();
    await page.getByRole("option", { name: "platinum" }).click();
  }, () => expect(page.getByRole("combobox", { name: "Plan" })).toHaveValue("platinum")],
  ["a new application", "developer/applications/new", "New application", () =>
    page.getByRole("textbox", { name: /^Name/ }).fill("not-yet"), () => expect(page.getByRole("textbox", { name: /^Name/ })).toHaveValue("not-yet")],
  ["a new user", "admin/users/new", "Add a user", () =>
    page.getByRole("textbox", { name: /^Name/ }).fill("nobody-yet"), () => expect(page.getByRole("textbox", { name: /^Name/ })).toHaveValue("nobody-yet")],
  ["a new connection", "admin/connections/new", "Add a connection", () =>
    page.getByRole("textbox", { name: /^Name/ }).fill("none-yet"), () => expect(page.getByRole("textbox", { name: /^Name/ })).toHaveValue("none-yet")],
  ["a hold", "developer/applications/shop", "Shop", async () => {
    await page.getByRole("button", { name: "Hold", exact: true }).click();
    await page.getByRole("textbox", { name: "Reason" }).fill("a long story");
  }, () => expect(page.getByRole("dialog").getByRole("textbox", { name: "Reason" })).toHaveValue("a long story")],
  ["a rejection", "publisher/requests", "Subscription requests", async () => {
    await page.getByRole("row").filter({ hasText: "sitting" }).getByRole("button", { name: "Reject" }).click();
    await page.getByRole("textbox", { name: "Reason" }).fill("another story");
  }, () => expect(page.getByRole("dialog").getByRole("textbox", { name: "Reason" })).toHaveValue("another story")],
  ["a gateway's credential", "admin/gateways", "Gateways", async () => {
    await page.getByRole("button", { name: "Add a gateway" }).click();
    await page.getByRole("textbox", { name: /^Name/ }).fill("far-away");
  }, () => expect(page.getByRole("dialog").getByRole("textbox", { name: /^Name/ })).toHaveValue("far-away")],
  ["a key manager's address", "admin/key-managers/new", "Add a key manager", () =>
    page.getByRole("textbox", { name: /Issuer or well-known/ }).fill("https://sso.example"), () =>
    expect(page.getByRole("textbox", { name: /Issuer or well-known/ })).toHaveValue("https://sso.example")],
  ["an OpenAPI document's address", "publisher/apis/new", "New API", () =>
    page.getByRole("textbox", { name: "OpenAPI document" }).fill("https://api.example/openapi.json"), () =>
    expect(page.getByRole("textbox", { name: "OpenAPI document" })).toHaveValue("https://api.example/openapi.json")],
  ["a call to try out", "developer/apis/orders", "Orders", async () => {
    await page.getByRole("button", { name: /GET \/docs/ }).click();
    await page.getByRole("button", { name: "Try it out" }).click();
    await page.getByRole("textbox", { name: "Query" }).fill("page=2");
    await page.getByRole("combobox", { name: "Application" }).click();
    await page.getByRole("option", { name: "Till" }).click();
  }, async () => {
    await expect(page.getByRole("textbox", { name: "Query" })).toHaveValue("page=2");
    await expect(page.getByRole("combobox", { name: "Application" })).toHaveValue("Till");
    await expect(page.getByRole("combobox", { name: "Key manager" })).toBeVisible();
  }],
];

test("whatever was typed is there again for who signs in in the same tab", async () => {
  await page.emulateMedia({ reducedMotion: "reduce" }); // what unfolds is then drawn twice
  const { token } = (await rest(world(), "POST", "/api/v1/tokens", { user: "asker" })) as { token: string }; // of no administrator: it awaits one
  await rest({ ...world(), token }, "POST", "/api/v1/subscriptions", { metadata: { name: "sitting-orders" }, spec: { application: "sitting-too", api: "orders", plan: "platinum" } });
  for (const [what, path, heading, type, again] of forms) {
    await test.step(what, async () => {
      await open(page, path, heading);
      await type();
      await context.clearCookies({ name: /keyward-session/ });
      await page.evaluate(() => {
        window.open = () => null;
        new BroadcastChannel("keyward-session").postMessage("ended");
      });
      await ended().getByRole("link", { name: /Keyward account/ }).click();
      await expect(page.getByText(/still here/)).toBeVisible(); // for some seconds
      await again();
      await expect.poll(() => keptIn(page)).not.toMatch(/keyward-typed|keyward-draft/);
    });
  }
  await page.goto("about:blank");
});

test("signing out in another tab asks here, and signing in there goes on here with everything that was typed", async () => {
  await open(page, "admin/key-managers/kept-manager/edit", "Edit kept-manager");
  await page.getByRole("textbox", { name: "Display name" }).fill("Kept by hand");
  await page.getByRole("tab", { name: "YAML" }).click();
  const yaml = page.getByRole("textbox", { name: "YAML" });
  await yaml.fill((await yaml.inputValue()).replace(/clientSecret:\n\s+stored: true/, "clientSecret: the second secret\n    clientSecrt: misspelt second secret"));
  const other = await context.newPage();
  await open(other, "publisher/plans", "Plans");
  await other.getByRole("button", { name: "Your account" }).click();
  await other.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(ended()).toBeVisible(); // without anything being asked for here
  await expect.poll(() => keptIn(page)).toContain("Kept by hand");
  expect(await keptIn(page)).not.toContain("second secret");
  await other.getByRole("link", { name: /Keyward account/ }).click();
  await fillIn(other, "sitter");
  await expect(ended()).toBeHidden();
  expect(await keptIn(page)).not.toContain("keyward-draft");
  await expect(yaml).toHaveValue(/the second secret/);
  await yaml.fill((await yaml.inputValue()).replace(/ *clientSecrt: .*\n/, ""));
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Kept by hand", exact: true })).toBeVisible();
  await other.close();
});

test("whoever signs in after somebody else sees nothing that was on the page of the one before", async ({ browser }) => {
  const theirs = await browser.newContext();
  const [left, tab] = [await theirs.newPage(), await theirs.newPage()];
  await person("first-one", "developer");
  await person("second-one", "developer");
  await apply(world(), [manifest("Application", "of-first-one", { displayName: "Their own", owners: ["first-one"] })]);
  await signIn(left, "first-one");
  await open(left, "developer/applications/of-first-one", "Their own");
  await tab.goto(world().url);
  await tab.getByRole("button", { name: "Your account" }).click();
  await tab.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(left.getByRole("dialog", { name: "Your session has ended" })).toBeVisible();
  await theirs.clearCookies();
  await signIn(tab, "second-one");
  await left.bringToFront();
  await expect(left.getByRole("heading", { level: 1, name: "You cannot open this" })).toBeVisible();
  await expect(left.getByText("Their own")).toHaveCount(0);
  await theirs.close();
  await rest(world(), "DELETE", "/api/v1/applications/of-first-one");
});

test("signing out that fails says so, and that somebody is still signed in", async ({ browser }) => {
  const theirs = await (await browser.newContext()).newPage();
  await person("stayer", "developer");
  await signIn(theirs, "stayer");
  await theirs.route("**/api/v1/session", (asked) => (asked.request().method() === "DELETE" ? asked.abort() : asked.continue()));
  await theirs.getByRole("button", { name: "Your account" }).click();
  await theirs.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(theirs.getByRole("alert").filter({ hasText: "You are still signed in" })).toBeVisible();
  await theirs.context().close();
});

test("a header field that a document names is in memory alone, as those are that somebody adds: it may be a key", async ({ browser }) => {
  const parameters = [{ name: "X-API-Key", in: "header", schema: { type: "string" } }, { name: "page", in: "query", schema: { type: "string" } }];
  const document = { openapi: "3.0.3", info: { title: "Keyed", version: "1" }, paths: { "/list": { get: { parameters, responses: { 200: { description: "a list" } } } } } };
  await apply(world(), [manifest("API", "keyed", { context: "/keyed", version: "v1", upstream: { production: world().url }, keyManagers: "all", openapi: { document: JSON.stringify(document) } })]);
  const theirs = await (await browser.newContext()).newPage();
  await person("keyed-one", "publisher");
  await signIn(theirs, "keyed-one");
  await open(theirs, "publisher/apis/keyed", "keyed");
  await theirs.getByRole("button", { name: /GET \/list/ }).click();
  await theirs.getByRole("button", { name: "Try it out" }).click();
  await theirs.getByRole("textbox", { name: "X-API-Key" }).fill("a key of somebody");
  await theirs.getByRole("textbox", { name: "page" }).fill("the second page");
  await rest(world(), "POST", "/api/v1/sessions/end", { user: "keyed-one" });
  await theirs.evaluate(() => window.dispatchEvent(new Event("visibilitychange")));
  await expect(theirs.getByRole("dialog", { name: "Your session has ended" })).toBeVisible();
  await expect.poll(() => keptIn(theirs)).toContain("the second page");
  expect(await keptIn(theirs)).not.toContain("a key of somebody");
  await expect(theirs.getByLabel("X-API-Key")).toHaveValue("a key of somebody");
  await theirs.context().close();
  await rest(world(), "DELETE", "/api/v1/apis/keyed");
});

test("leaving the page with unsaved changes is asked about by the browser, and without them it is not", async () => {
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.accept();
  });
  await open(page, "publisher/plans/kept-plan", "Edit kept-plan");
  await page.reload();
  expect(asked).toEqual([]);
  await page.getByRole("textbox", { name: "Requests" }).fill("18");
  await page.reload();
  expect(asked).toEqual(["beforeunload"]);
  await expect(page.getByRole("textbox", { name: "Requests" })).toHaveValue("17");
});

test("people see in which browsers they are signed in, end one of them, and sign out everywhere", async ({ browser }) => {
  const elsewhere = await browser.newContext();
  const other = await elsewhere.newPage();
  await signIn(other, "sitter");
  await open(page, "publisher/plans", "Plans");
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("menuitem", { name: "Your sessions" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Your sessions", exact: true })).toBeVisible();
  await expect(page.getByText("this session", { exact: true })).toBeVisible();
  await expect(page.getByText(/^Chrome on Linux$/).first()).toBeVisible();
  await forEverybody(page, "your-sessions");
  const theirs = page.getByRole("row").filter({ hasText: "Chrome" });
  const before = await theirs.count();
  expect(before).toBeGreaterThan(1);
  await page.getByRole("button", { name: "End session" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "End session" }).click();
  await expect(theirs).toHaveCount(before - 1);
  await other.reload();
  await expect(other.getByRole("link", { name: /Keyward account/ })).toBeVisible(); // it was used last

  await open(page, "admin/sessions", "Sessions");
  await expect(page.getByRole("row").filter({ hasText: "sitter" }).first()).toBeVisible();
  await forEverybody(page, "sessions");
  await open(page, "admin/users/sitter", "sitter");
  await expect(page.getByRole("heading", { name: "Console sessions" })).toBeVisible();
  await open(page, "sessions", "Your sessions");
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await expect(page.getByRole("link", { name: /Keyward account/ })).toBeVisible();
  await page.getByRole("link", { name: /Keyward account/ }).click();
  await expect(page.locator("input[type=password]")).toBeVisible(); // at the authorization server, too
  await elsewhere.close();
});
