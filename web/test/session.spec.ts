import { expect, test, type BrowserContext, type Page } from "@playwright/test";

import { complaintsOf, fillIn, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, world } from "./start";

let context: BrowserContext;
let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await person("sitter", "admin", "publisher");
  await apply(world(), [
    manifest("Plan", "kept-plan", { rate: { requests: 3, per: "1s" } }),
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

test.afterAll(async () => {
  await context.close();
  for (const path of ["plans/kept-plan", "key-managers/kept-manager"]) await rest(world(), "DELETE", `/api/v1/${path}`);
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
  await ended().getByRole("link", { name: /Keyward account/ }).click();
  await expect(page.getByText("What you changed here before is still there")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1, name: "Edit kept-plan" })).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Requests" })).toHaveValue("17");
  expect(await keptIn(page)).not.toContain("keyward-draft");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Plans" })).toBeVisible();
  await expect(page.getByText("17 per 1s")).toBeVisible();
});

test("signing out in another tab asks here, and signing in there goes on here with everything that was typed", async () => {
  await open(page, "admin/key-managers/kept-manager/edit", "Edit kept-manager");
  await page.getByRole("textbox", { name: "Shown as" }).fill("Kept by hand");
  await page.getByRole("tab", { name: "YAML" }).click();
  const yaml = page.getByRole("textbox", { name: "YAML" });
  await yaml.fill((await yaml.inputValue()).replace(/clientSecret:\n\s+stored: true/, "clientSecret: the second secret"));
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
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Kept by hand" })).toBeVisible();
  await other.close();
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
  await expect(page.getByRole("heading", { level: 1, name: "Your sessions" })).toBeVisible();
  await expect(page.getByText("this one", { exact: true })).toBeVisible();
  await expect(page.getByText(/^Chrome on Linux$/).first()).toBeVisible();
  await forEverybody(page, "your-sessions");
  const theirs = page.getByRole("row").filter({ hasText: "Chrome" });
  const before = await theirs.count();
  expect(before).toBeGreaterThan(1);
  await page.getByRole("button", { name: "End it" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await expect(theirs).toHaveCount(before - 1);
  await other.reload();
  await expect(other.getByRole("link", { name: /Keyward account/ })).toBeVisible(); // it was used last

  await open(page, "admin/sessions", "Sessions");
  await expect(page.getByRole("row").filter({ hasText: "sitter" }).first()).toBeVisible();
  await forEverybody(page, "sessions");
  await open(page, "admin/users/sitter", "sitter");
  await expect(page.getByRole("heading", { name: "Sessions at the console" })).toBeVisible();
  await open(page, "sessions", "Your sessions");
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await expect(page.getByRole("link", { name: /Keyward account/ })).toBeVisible();
  await page.getByRole("link", { name: /Keyward account/ }).click();
  await expect(page.locator("input[type=password]")).toBeVisible(); // at the authorization server, too
  await elsewhere.close();
});
