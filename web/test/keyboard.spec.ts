import { expect, type Locator, type Page } from "@playwright/test";

import { complaintsOf, password, person, signIn } from "./browser";
import { keyboardOf } from "./keyboard";
import { test, world } from "./start";

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await person("typist", "developer");
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  page = await context.newPage();
  complaints = complaintsOf(page);
});

const { tabTo, press, arrived } = keyboardOf(() => page);

/** Chooses an option of a list in a form. */
async function choose(list: Locator, option: string): Promise<void> {
  await tabTo(list);
  await page.keyboard.type(option);
  await expect(page.getByRole("option").first()).toHaveText(option); // the server has searched: it is the first one
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(list).toHaveValue(option);
  await expect(list).toBeFocused();
}

test("a developer needs no mouse from the first page to the last", async () => {
  await page.goto(world().url);
  await press("link", /Keyward account/);
  await expect(page.locator('input[autocomplete="username"]')).toBeFocused();
  await page.keyboard.type("typist");
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");

  await press("link", "Orders");
  await arrived("Orders");
  await press("link", "Applications");
  await arrived("Applications");
  await press("link", "New application");
  await arrived("New application");
  await tabTo(page.getByRole("textbox", { name: /^Name/ }));
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  await arrived("typed");

  await tabTo(page.getByRole("tab", { name: "Keys" }));
  await page.keyboard.press("ArrowRight");
  const api = page.getByRole("combobox", { name: "Subscribe to" });
  await choose(api, "Orders");
  await press("button", "Subscribe");
  await expect(page.getByRole("cell", { name: "orders", exact: true })).toBeVisible();
  await expect(api).toBeFocused(); // for the next one

  await page.keyboard.press("Shift+Tab"); // the tabs
  await page.keyboard.press("ArrowLeft");
  await press("tab", "resident");
  await press("button", "Generate keys");
  const once = page.getByRole("status").filter({ hasText: "shown only once" });
  await expect(once).toBeFocused();
  await press("button", "Copy the secret");
  const secret = await page.evaluate(() => navigator.clipboard.readText());
  await expect(once.getByTestId("client-secret")).toHaveText(secret);
  await press("button", "Done");
  await expect(page.getByText("active", { exact: true })).toBeVisible();

  await press("button", "Rotate secret");
  const dialog = page.getByRole("dialog");
  await tabTo(dialog.getByRole("textbox", { name: /Keep the old secret/ }));
  await page.keyboard.type("24h");
  await page.keyboard.press("Enter");
  await expect(dialog.getByTestId("client-secret")).not.toHaveText(secret);
  await page.keyboard.press("Escape"); // nobody loses what is shown once by a slip
  await expect(dialog.getByTestId("client-secret")).toBeVisible();
  await press("button", "Done", dialog);
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("button", { name: "Rotate secret" })).toBeFocused();
  await press("button", "Get a test token");
  await expect(page.getByText(/^Access token/)).toBeVisible();
  await expect(page.getByRole("button", { name: "Get a test token" })).toBeFocused();
});

test("nor to try an API out, to take a wrong way back, and to sign out", async () => {
  await page.goto(`${world().url}/console/default/developer/apis/orders`);
  await press("button", /GET \/docs/);
  await press("button", "Try it out");
  await choose(page.getByRole("combobox", { name: "Application" }), "typed");
  await expect(page.getByRole("combobox", { name: "Key manager" })).toHaveValue("resident"); // the one that has a key
  await press("button", "Send request");
  await expect(page.getByRole("status", { name: "Response" })).toContainText("200");
  await expect(page.getByRole("button", { name: "Send request" })).toBeFocused();

  await page.goto(`${world().url}/console/default/developer/applications/typed/subscriptions`);
  await press("button", "Unsubscribe from orders");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("button", { name: "Unsubscribe from orders" })).toBeFocused();
  await page.keyboard.press("Enter");
  await press("button", "Unsubscribe", page.getByRole("dialog"));
  await expect(page.getByText("No subscriptions yet")).toBeVisible();
  await expect.poll(() => page.evaluate(() => document.activeElement?.closest("main") !== null)).toBe(true); // its button is gone

  await press("button", "Your account");
  const out = page.getByRole("menuitem", { name: "Sign out" });
  for (let i = 0; i < 8 && !(await out.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press("ArrowDown");
  await expect(out).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("link", { name: /Keyward account/ })).toBeVisible();
  expect(complaints()).toEqual([]);
});

test("nor does an administrator to add a key manager, check it, hold it, release it and delete it", async ({ browser }) => {
  await page.context().close();
  page = await (await browser.newContext()).newPage();
  await person("holder", "admin");
  await signIn(page, "holder");
  await page.goto(`${world().url}/console/default/admin/key-managers`);
  await press("link", "Add a key manager");
  await arrived("Add a key manager");
  await tabTo(page.getByRole("textbox", { name: /Issuer or well-known/ }));
  await page.keyboard.type(`${world().url}/t/partner`);
  await page.keyboard.press("Enter");
  await tabTo(page.getByRole("textbox", { name: /^Name/ }));
  await page.keyboard.press("Control+a");
  await page.keyboard.type("drilled");
  await press("button", "Run the live checks");
  await expect(page.getByRole("button", { name: "Run again" })).toBeFocused();
  await expect(page.getByRole("complementary").getByRole("status").filter({ hasText: "ms)" })).toBeVisible();
  await press("button", "Save");
  await arrived("drilled");
  await press("button", "Hold");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("textbox", { name: /Reason/ })).toBeFocused();
  await page.keyboard.type("a drill");
  await tabTo(dialog.getByRole("textbox", { name: "Type drilled to confirm" }));
  await page.keyboard.type("drilled");
  await page.keyboard.press("Enter");
  const held = page.getByRole("alert").filter({ hasText: "Held: a drill" });
  await expect(held).toContainText("Held by holder just now");
  await press("button", "Lift hold", held);
  await expect(held).toBeHidden();
  await press("button", "More actions");
  const away = page.getByRole("menuitem", { name: "Delete" });
  for (let i = 0; i < 8 && !(await away.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press("ArrowDown");
  await expect(away).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("textbox", { name: "Type drilled to confirm" })).toBeFocused();
  await page.keyboard.type("drilled");
  await page.keyboard.press("Enter");
  await arrived("Key managers");
});

test("Enter opens what fits best also where it is pressed before the server has answered", async ({ browser }) => {
  await person("hasty", "publisher");
  const quick = await (await browser.newContext()).newPage();
  await signIn(quick, "hasty");
  await quick.goto(`${world().url}/console/default/publisher/plans`);
  await expect(quick.getByRole("heading", { level: 1, name: "Plans" })).toBeVisible();
  let answer = (): void => undefined;
  const answered = new Promise<void>((go) => { answer = go; }); // whoever types slowly asks more than once
  const asked = new Promise<void>((done) => {
    void quick.route(/\/api\/v1\/search\?/, async (route) => {
      done();
      await answered;
      await route.continue();
    });
  });
  await quick.keyboard.press("Control+k");
  const field = quick.getByRole("textbox", { name: /^Search key managers/ });
  await expect(field).toBeFocused();
  await quick.keyboard.type("orders");
  await quick.keyboard.press("Enter");
  await asked;
  expect(quick.url()).toContain("/publisher/plans");
  answer();
  await expect(quick.getByRole("heading", { level: 1, name: "Orders" })).toBeVisible();
  await quick.context().close();
});
