import { expect, type Page, type Route } from "@playwright/test";

import { complaintsOf, open, person, signIn } from "./browser";
import { apply, manifest, test, world } from "./start";

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

// More than one page has, which is 50.
const names = Array.from({ length: 60 }, (_, i) => `listed-${String(i).padStart(2, "0")}`);

test.beforeAll(async ({ browser }) => {
  await person("lister", "admin", "publisher");
  await apply(world(), names.map((name) => manifest("Plan", name, { rate: { requests: 1, per: "1s" } })));
  page = await browser.newPage();
  complaints = complaintsOf(page);
  await signIn(page, "lister");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

const search = () => page.getByRole("searchbox", { name: "Search by name" });
const menu = () => page.getByRole("navigation").getByRole("link", { name: "Plans", exact: true });

test("the search field says what its list is narrowed to, when the list is shown whole again too", async () => {
  await open(page, "publisher/plans", "Plans");
  await search().pressSequentially("listed-07");
  await expect(page).toHaveURL(/search=listed-07$/);
  await expect(page.getByText("1 entry", { exact: true })).toBeVisible();
  await menu().click();
  await expect(page).toHaveURL(/plans$/);
  await expect(search()).toHaveValue("");
  await expect(page.getByText("First 50", { exact: true })).toBeVisible();
  await page.goBack();
  await expect(search()).toHaveValue("listed-07");
  await expect(page.getByText("1 entry", { exact: true })).toBeVisible();
});

test("what is typed right before the way elsewhere narrows nothing there", async () => {
  await open(page, "publisher/plans", "Plans");
  await search().pressSequentially("listed-07");
  await menu().click();
  await expect(search()).toHaveValue("");
  await expect(page).toHaveURL(/plans$/);
});

test("rows stay, with what went wrong below them, when more of them cannot be had", async () => {
  await open(page, "publisher/plans", "Plans");
  await page.route("**/api/v1/plans?*cursor=*", (asked) => asked.abort());
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(page.getByRole("alert")).toContainText("The control plane could not be reached");
  await expect(page.getByRole("link", { name: "listed-07" })).toBeVisible();
  await page.unroute("**/api/v1/plans?*cursor=*");
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(page.getByRole("link", { name: "listed-59" })).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("an answer of something between here and the control plane is called that", async () => {
  await page.route("**/api/v1/plans?*", (asked) => asked.fulfill({ status: 200, contentType: "text/html", body: "<!doctype html>Sign in to the proxy" }));
  await page.goto(`${world().url}/console/default/publisher/plans`);
  await expect(page.getByRole("alert")).toContainText("Something other than the control plane answered with 200");
  await page.unroute("**/api/v1/plans?*");
});

test("a dialog that is opened again says nothing of what went wrong before it was closed", async () => {
  await open(page, "publisher/plans/listed-07", "Edit listed-07");
  const away = (asked: Route) => (asked.request().method() === "DELETE" ? asked.abort() : asked.continue());
  await page.route("**/api/v1/plans/listed-07?*", away);
  const dialog = page.getByRole("dialog");
  const begin = page.getByRole("button", { name: "Delete", exact: true });
  await begin.click();
  await dialog.getByRole("textbox", { name: "Type listed-07 to confirm" }).fill("listed-07");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(dialog.getByRole("alert")).toContainText("The control plane could not be reached");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(dialog).toHaveCount(0);
  await begin.click();
  await expect(dialog.getByRole("textbox", { name: "Type listed-07 to confirm" })).toBeVisible();
  await expect(dialog.getByRole("alert")).toHaveCount(0);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.unroute("**/api/v1/plans/listed-07?*", away);
});
