import { expect, type Page } from "@playwright/test";

import { complaintsOf, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await person("switcher", "admin", "publisher");
  await apply(world(), [
    manifest("Plan", "first-plan", { rate: { requests: 11, per: "1s" } }),
    manifest("Plan", "second-plan", { rate: { requests: 22, per: "1s" } }),
    manifest("User", "first-user", { roles: ["developer"] }),
    manifest("User", "second-user", { roles: ["developer"] }),
    manifest("Application", "first-app", { owners: ["switcher"] }),
    manifest("Application", "second-app", { owners: ["switcher"] }),
  ]);
  page = await browser.newPage();
  complaints = complaintsOf(page);
  await signIn(page, "switcher");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

// From the page of an object to that of another one of its kind, without loading the console anew.
async function goTo(name: string, heading = name): Promise<void> {
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").getByRole("textbox").fill(name);
  await page.getByRole("dialog").getByRole("button", { name }).click();
  await expect(page.getByRole("heading", { level: 1, name: heading, exact: true })).toBeVisible();
}

test("the form of another plan has what that plan has, and saves that plan", async () => {
  await open(page, "publisher/plans/first-plan", "Edit first-plan");
  await goTo("second-plan", "Edit second-plan");
  const requests = page.getByRole("textbox", { name: "Requests" });
  await expect(requests).toHaveValue("22");
  await requests.fill("33");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible();
  for (const [name, rate] of [["first-plan", 11], ["second-plan", 33]] as const) {
    expect(await rest(world(), "GET", `/api/v1/plans/${name}`)).toMatchObject({ spec: { rate: [{ requests: rate }] } });
  }
});

test("the link by which somebody chooses a password is not shown on the page of somebody else", async () => {
  await open(page, "admin/users/second-user", "second-user");
  await goTo("first-user");
  await page.getByRole("button", { name: "Create a one-time link" }).click();
  const link = page.getByRole("main").locator("pre").filter({ hasText: "http" });
  await expect(link).toBeVisible();
  await goTo("second-user");
  await expect(page.getByRole("button", { name: "Create a one-time link" })).toBeVisible();
  await expect(link).toHaveCount(0);
});

test("the secret of a key is not shown on the page of another application", async () => {
  await open(page, "developer/applications/second-app", "second-app");
  await expect(page.getByRole("button", { name: "Generate keys" })).toBeVisible();
  await goTo("first-app");
  await page.getByRole("button", { name: "Generate keys" }).click();
  await expect(page.getByTestId("client-secret")).toBeVisible();
  await goTo("second-app");
  await expect(page.getByRole("button", { name: "Generate keys" })).toBeVisible();
  await expect(page.getByTestId("client-secret")).toHaveCount(0);
});

test("a form begins from what is stored when somebody comes to it, also where they were before", async () => {
  await open(page, "admin/users", "Users");
  await page.getByRole("link", { name: "first-user", exact: true }).click();
  const email = page.getByRole("textbox", { name: "Email" });
  await expect(email).toHaveValue("");
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Users", exact: true })).toBeVisible();
  await apply(world(), [manifest("User", "first-user", { email: "theirs@example.com", roles: ["developer"] })]);
  await page.waitForTimeout(2_000); // for a second what was left is still there
  await page.getByRole("link", { name: "first-user", exact: true }).click();
  await expect(email).toHaveValue("theirs@example.com");
});
