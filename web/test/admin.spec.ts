import { expect, test, type Page } from "@playwright/test";

import { complaintsOf, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, world } from "./start";

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await person("boss", "admin");
  await person("reader", "auditor");
  await apply(world(), [
    manifest("User", "leaver", { roles: ["developer"] }),
    manifest("Plan", "spare-plan", { rate: { requests: 1, per: "1s" } }),
    manifest("Application", "left-behind", { displayName: "Left behind", owners: ["leaver", "boss"] }),
  ]);
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await signIn(page, "boss");
});

test.afterAll(async () => {
  await page.context().close();
  await rest(world(), "DELETE", "/api/v1/applications/left-behind?withKeys=true");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

// Types the word that the open dialog wants, and does it.
async function confirm(word: string, action: string): Promise<void> {
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: action, exact: true })).toBeDisabled();
  await dialog.getByRole("textbox", { name: `Type ${word} to confirm` }).fill(word);
  await dialog.getByRole("button", { name: action, exact: true }).click();
}

test("a connection is made from its type's fields, gets a next value, and says who uses it before it goes", async () => {
  await open(page, "admin/connections", "Connections");
  await page.getByRole("link", { name: "Add a connection" }).first().click();
  await page.getByRole("textbox", { name: /^Name/ }).fill("acme");
  await page.getByRole("combobox", { name: /^Type/ }).click();
  await page.getByRole("option", { name: /Okta/ }).click();
  await page.getByRole("textbox", { name: /address of the organization|Organization|URL/i }).first().fill("https://acme.okta.com");
  await page.getByLabel(/API token/).fill("the first token");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "acme" })).toBeVisible();
  await page.getByRole("button", { name: /Add a next value/ }).first().click();
  await page.getByLabel(/the next value/).fill("the second token");
  await forEverybody(page, "connection");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Connections" })).toBeVisible();
  const stored = JSON.stringify(await rest(world(), "GET", "/api/v1/connections/acme"));
  expect(stored).toContain('"next":{"stored":true}');
  await forEverybody(page, "connections");
  await rest(world(), "PUT", "/api/v1/key-managers/acme-okta", {
    spec: {
      type: "okta", issuer: "https://acme.okta.com/oauth2/default", keys: { jwks: "http://127.0.0.1:1/keys" },
      connection: { ref: "acme" }, endpoints: { token: "https://acme.okta.com/oauth2/default/v1/token" },
    },
  });
  await open(page, "admin/connections/acme", "acme");
  await expect(page.getByRole("link", { name: "acme-okta" })).toBeVisible();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("dialog").getByText("KeyManager: acme-okta")).toBeVisible();
  await confirm("acme", "Delete");
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("in_use");
  await rest(world(), "DELETE", "/api/v1/key-managers/acme-okta");
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Connections" })).toBeVisible();
});

test("a tenant is made, wants approvals, and goes when nothing is in it", async () => {
  await open(page, "admin/tenants/new", "Add a tenant");
  await page.getByRole("textbox", { name: /^Name/ }).fill("acme-corp");
  await page.getByRole("combobox", { name: "Keys for production" }).click();
  await page.getByRole("option", { name: "await an administrator" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  const row = page.getByRole("row").filter({ hasText: "acme-corp" });
  await expect(row).toContainText("production");
  await forEverybody(page, "tenants");
  await rest(world(), "PUT", "/api/v1/plans/inside?tenant=acme-corp", { spec: {} });
  await open(page, "admin/tenants/acme-corp", "acme-corp");
  await forEverybody(page, "tenant");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("dialog").getByText("Plan: inside")).toBeVisible();
  await rest(world(), "DELETE", "/api/v1/plans/inside?tenant=acme-corp");
  await confirm("acme-corp", "Delete");
  await expect(page.getByRole("heading", { level: 1, name: "Tenants" })).toBeVisible();
  await expect(row).toBeHidden();
});

test("holds are listed with reason and who, shown where the object is, and lifted", async () => {
  await rest(world(), "POST", "/api/v1/applications/left-behind/hold", { reason: "stolen laptop" });
  await rest(world(), "POST", "/api/v1/subscriptions/till-orders/hold", { reason: "too many calls" });
  await open(page, "admin/holds", "Holds");
  const row = page.getByRole("row").filter({ hasText: "left-behind" });
  await expect(row).toContainText("stolen laptop");
  await expect(row).toContainText("admin");
  await expect(page.getByRole("row").filter({ hasText: "till-orders" })).toContainText("too many calls");
  await forEverybody(page, "holds");
  await open(page, "developer/applications", "Applications");
  await expect(page.getByRole("row").filter({ hasText: "left-behind" })).toContainText("stolen laptop, by admin");
  await open(page, "developer/applications/till/subscriptions", "Till");
  await expect(page.getByRole("row").filter({ hasText: "orders" })).toContainText("too many calls, by admin");
  await open(page, "admin/holds", "Holds");
  for (const name of ["left-behind", "till-orders"]) {
    await page.getByRole("row").filter({ hasText: name }).getByRole("button", { name: "Lift the hold" }).click();
    await expect(page.getByRole("row").filter({ hasText: name })).toBeHidden();
  }
  await expect(page.getByText("Nothing is held")).toBeVisible();
});

test("users and plans go after a look at who uses them and their name typed", async () => {
  await open(page, "admin/users/leaver", "leaver");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("dialog").getByText("Application: left-behind")).toBeVisible();
  await confirm("leaver", "Delete");
  await expect(page.getByRole("heading", { level: 1, name: "Users" })).toBeVisible();
  await open(page, "publisher/plans/gold", "Edit gold");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("dialog").getByText(/Subscription: .*till-orders/)).toBeVisible();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await open(page, "publisher/plans/spare-plan", "Edit spare-plan");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("dialog").getByText("Nothing uses it.")).toBeVisible();
  await confirm("spare-plan", "Delete");
  await expect(page.getByRole("heading", { level: 1, name: "Plans" })).toBeVisible();
});

test("an auditor reads every form and can save, delete and hold nothing", async ({ browser }) => {
  const theirs = await (await browser.newContext()).newPage();
  await signIn(theirs, "reader");
  for (const [path, heading] of [
    ["admin/users/alice", "alice"],
    ["publisher/plans/gold", "Edit gold"],
    ["publisher/apis/orders/edit", "Edit orders"],
    ["admin/key-managers/resident/edit", "Edit resident"],
    ["admin/tenants/partner", "Partner"],
  ] as const) {
    await open(theirs, path, heading);
    await expect(theirs.getByText("Your roles let you look at this, not change it.")).toBeVisible();
    await expect(theirs.getByRole("main").getByRole("textbox")).toHaveCount(0);
    for (const name of ["Save", "Delete", "Hold"]) await expect(theirs.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  await forEverybody(theirs, "auditor");
  await theirs.context().close();
});
