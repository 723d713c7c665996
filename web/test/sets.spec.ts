import { expect, type Page } from "@playwright/test";

import { complaintsOf, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await person("setter", "admin", "publisher", "developer");
  await rest(world(), "POST", "/api/v1/apply", {
    set: "site",
    objects: [
      manifest("Plan", "site-plan", { rate: { requests: 30, per: "1m" } }),
      manifest("API", "site-api", {
        title: "Stock of the site",
        context: "/site",
        version: "v1",
        upstream: { production: world().url },
        keyManagers: ["resident"],
        operations: [{ method: "GET", path: "/levels" }],
        plans: ["site-plan"],
      }),
      manifest("Application", "site-app", { displayName: "Site", owners: ["setter"] }),
      manifest("OAuthClient", "site-client", { application: "site-app", keyManager: "resident", environment: "production", match: { claim: "sub", prefix: "site-" } }),
      manifest("Subscription", "site-sub", { application: "site-app", api: "site-api", plan: "site-plan" }),
    ],
  });
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await signIn(page, "setter");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

test("what a manifest set owns says so, cannot be saved, and shows the edit to make as code", async () => {
  const writes: string[] = [];
  page.on("request", (request) => {
    if (request.method() !== "GET") writes.push(`${request.method()} ${request.url()}`);
  });
  await open(page, "publisher/plans/site-plan", "Edit site-plan");
  await expect(page.getByRole("alert").filter({ hasText: "Managed by the manifest set site" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Save" })).toBeHidden();
  await page.getByRole("textbox", { name: "Requests" }).fill("45");
  await page.keyboard.press("Enter");
  const change = page.getByRole("region", { name: "What changes" });
  await expect(change.getByText("- - requests: 30")).toBeVisible();
  await expect(change.getByText("+ - requests: 45")).toBeVisible();
  await expect(page.getByText("keyward apply -f FILE --set site")).toBeVisible();
  await forEverybody(page, "manifest-set");
  expect(writes).toEqual([]);
  await page.getByRole("button", { name: "Back" }).click();
  await page.getByRole("button", { name: "Discard changes" }).click();
  await open(page, "publisher/plans/gold", "Edit gold"); // one of no set is saved as ever
  await expect(page.getByRole("button", { name: "Save" })).toBeVisible();
});

test("nothing that a set owns is deleted or left from the console", async () => {
  await open(page, "publisher/apis/site-api", "Stock of the site");
  await expect(page.getByRole("alert").filter({ hasText: "Managed by the manifest set site" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Delete" })).toBeHidden();
  await open(page, "developer/applications/site-app/subscriptions", "Site");
  await expect(page.getByText("by the manifest set site")).toBeVisible();
  await expect(page.getByRole("button", { name: /Unsubscribe/ })).toBeHidden();
  await open(page, "developer/applications/site-app", "Site");
  await expect(page.getByRole("main").getByText("by the manifest set site")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Unmap|^Delete/ })).toHaveCount(0);
  await open(page, "developer/applications/site-app/settings", "Site");
  await expect(page.getByRole("button", { name: "Save" })).toBeHidden();
  await expect(page.getByRole("button", { name: /Delete/ })).toBeHidden();
  await open(page, "publisher/apis/orders", "Orders"); // one of no set can be
  await expect(page.getByRole("button", { name: "Delete" })).toBeVisible();
});

test("an object that a set takes while it is edited goes from saving to showing the edit", async () => {
  await apply(world(), [manifest("Plan", "taken", { rate: { requests: 5, per: "1s" } })]);
  await open(page, "publisher/plans/taken", "Edit taken");
  await page.getByRole("textbox", { name: "Requests" }).fill("8");
  await rest(world(), "POST", "/api/v1/apply", { set: "site", objects: [manifest("Plan", "taken", { rate: { requests: 6, per: "1s" } })] });
  await page.getByRole("button", { name: "Save" }).click();
  const conflict = page.getByRole("alert").filter({ hasText: "Someone else has changed this" });
  await conflict.getByRole("button", { name: /Keep mine/ }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Managed by the manifest set site" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Save" })).toBeHidden();
  await expect(page.getByRole("region", { name: "What changes" }).getByText("+ - requests: 8")).toBeVisible();
  await rest(world(), "DELETE", "/api/v1/plans/taken");
});
