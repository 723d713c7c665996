import { expect, type Page } from "@playwright/test";

import { complaintsOf, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await person("keys-only", "admin", "publisher");
  await apply(world(), [
    manifest("API", "scoped", {
      title: "Scoped", context: "/scoped", version: "v1", upstream: { production: world().url }, keyManagers: ["resident"],
      operations: [{ method: "GET", path: "/a", allOf: ["a:read", "b:read"] }],
    }),
    manifest("KeyManager", "focused", { type: "external", issuer: "https://focused.example", keys: { jwks: "http://127.0.0.1:1/k" } }),
  ]);
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await signIn(page, "keys-only");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

test("scopes of which every one is needed are kept, and changed into any and back", async () => {
  await open(page, "publisher/apis/scoped/edit", "Edit scoped");
  const row = page.getByRole("row").filter({ has: page.locator('input[value="/a"]') });
  await expect(row.getByRole("combobox", { name: "Scope rule" })).toHaveValue("every");
  await expect(row.getByText("b:read")).toBeVisible();
  await row.getByRole("combobox", { name: "Scope rule" }).selectOption("any of");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Scoped", exact: true })).toBeVisible();
  const operations = async () => ((await rest(world(), "GET", "/api/v1/apis/scoped")) as { spec: { operations: unknown } }).spec.operations;
  expect(await operations()).toEqual([{ method: "GET", path: "/a", scopes: ["a:read", "b:read"] }]);
  await open(page, "publisher/apis/scoped/edit", "Edit scoped");
  await row.getByRole("combobox", { name: "Scope rule" }).selectOption("all of");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Scoped", exact: true })).toBeVisible();
  expect(await operations()).toEqual([{ method: "GET", path: "/a", allOf: ["a:read", "b:read"] }]);
});

test("the focus follows to a page's heading, stays on its tabs, and comes back from a menu's dialog", async () => {
  await open(page, "admin/key-managers", "Key managers");
  await expect(page.getByRole("heading", { level: 1 })).not.toBeFocused(); // a page that is loaded begins at its top
  await page.getByRole("link", { name: "focused" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "focused", exact: true })).toBeFocused();
  await page.getByRole("tab", { name: "Health" }).focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/health$/);
  await expect(page.getByRole("tab", { name: "Health" })).toBeFocused();
  for (const entry of ["Disable", "Delete"]) {
    const more = page.getByRole("button", { name: "More actions" });
    await more.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: entry }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
    await expect(more).toBeFocused();
  }
  await page.keyboard.press("Control+k");
  const search = page.getByRole("dialog").getByPlaceholder("Search or go to…");
  await expect(search).toBeFocused();
  await page.keyboard.type("plans");
  await expect(search).toHaveValue("plans");
  await expect(page.getByRole("dialog").getByText("Plans", { exact: true }).first()).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeFocused();
});

test("keys beside Ctrl-K open no search, and take nothing from what is typed after them", async () => {
  await open(page, "admin/key-managers", "Key managers");
  const search = page.getByRole("searchbox", { name: "Search by name or issuer" });
  await search.focus();
  await page.keyboard.press("Control+Shift+k");
  await page.keyboard.type("focus");
  await expect(search).toHaveValue("focus");
  await expect(page.getByRole("dialog")).toBeHidden();
});
