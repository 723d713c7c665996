import { expect, type Page } from "@playwright/test";

import { complaintsOf, open, person, signIn } from "./browser";
import { apply, manifest, test, world } from "./start";

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

const long = "customer-relationship-management-console";
const apis = ["customer-orders-international-v1", "customer-orders-international-v2", "east-v1", "v1"];

test.beforeAll(async ({ browser }) => {
  await person("subscriber", "admin", "publisher");
  await apply(world(), [
    ...[long, "shop-east"].map((name) => manifest("Application", name, { owners: ["subscriber"] })),
    ...apis.map((name) => manifest("API", name, {
      context: `/${name}`,
      version: "v1",
      upstream: { production: world().url },
      keyManagers: "all",
      operations: [{ method: "GET", path: "/" }],
    })),
  ]);
  page = await browser.newPage();
  complaints = complaintsOf(page);
  await signIn(page, "subscriber");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

async function subscribe(application: string, heading: string, api: string): Promise<void> {
  await open(page, `developer/applications/${application}/subscriptions?api=${api}`, heading);
  await page.getByRole("button", { name: "Subscribe", exact: true }).click();
  await expect(page.getByRole("row").filter({ has: page.getByRole("link", { name: api, exact: true }) })).toBeVisible();
}

test("two APIs with long names that begin alike are subscribed by one application", async () => {
  for (const api of ["customer-orders-international-v1", "customer-orders-international-v2"]) await subscribe(long, long, api);
  await expect(page.getByText("2 entries", { exact: true })).toBeVisible();
});

test("two pairs whose names are one when they are put together are subscribed both", async () => {
  await subscribe("shop", "Shop", "east-v1");
  await subscribe("shop-east", "shop-east", "v1");
});
