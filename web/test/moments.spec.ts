import { expect, type Page, type Route } from "@playwright/test";

import { open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

const limits = (contacts: string[]) => manifest("KeyManager", "limits", {
  type: "oidc",
  issuer: "https://limits.example",
  keys: { jwks: "http://127.0.0.1:1/keys" },
  endpoints: { token: "http://127.0.0.1:1/token", registration: "http://127.0.0.1:1/register" },
  connection: { initialAccessToken: "initial" },
  clients: { constraints: { contacts: { enum: contacts } } },
});

test.beforeAll(async () => {
  await person("chronicler", "admin", "developer");
  await apply(world(), [limits(["old@example.com"]), manifest("Application", "moments", { owners: ["chronicler"] })]);
  await rest(world(), "POST", "/api/v1/applications/moments/keys", { keyManager: "resident", environment: "production" });
});

test.beforeEach(async ({ page }) => { await signIn(page, "chronicler"); });

// Answers as the server does, but for what is changed in it.
function changed(change: (body: never) => void) {
  return async (route: Route) => {
    const response = await route.fetch();
    const json = (await response.json()) as never;
    change(json);
    await route.fulfill({ response, json });
  };
}

/** Goes to another page of the console without loading it anew, as its links do. */
async function turn(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState({}, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
  }, `/console/default/${path}`);
}

test("what has been is not said to come, where the page's clock is behind", async ({ page }) => {
  const soon = new Date(Date.now() + 600_000).toISOString(); // as far ahead as no clock of a test gets
  await page.route("**/api/v1/decisions?*", (route) => route.fulfill({
    json: { items: [{ decision: "0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ", at: soon, tenant: "default", method: "GET", status: 403, code: "insufficient_scope" }] },
  }));
  await page.route("**/api/v1/applications/moments?*", changed((one: { status?: object }) => {
    one.status = { ...one.status, deleting: { by: "keeper", since: soon } };
  }));
  await page.route("**/api/v1/applications/moments/keys?*", changed(({ items }: { items: Record<string, unknown>[] }) => {
    for (const one of items) {
      one.oldSecretLastUsedAt = soon;
      one.status = { ...(one.status as object), oldSecretUntil: "2999-01-01T00:00:00Z" };
    }
  }));
  await open(page, "developer/applications/moments", "moments");
  await expect(page.getByRole("status").filter({ hasText: "keeper" })).toContainText("just now");
  await expect(page.getByText("just now (still the one in use)")).toBeVisible();
  await open(page, "developer/applications/moments/calls", "moments");
  await expect(page.getByRole("row").filter({ hasText: "insufficient_scope" })).toContainText("just now");
  await expect(page.getByText(/in 10 minutes/)).toHaveCount(0);
});

test("who changes a key manager and goes back to its form finds what it takes by then", async ({ page }) => {
  const offered = async (address: string) => {
    await page.getByRole("button", { name: "More settings" }).click();
    await page.getByRole("combobox", { name: /contacts/i }).focus();
    await page.keyboard.press("ArrowDown");
    await expect(page.getByRole("option", { name: address, includeHidden: true })).toBeAttached(); // it is hidden while what is around it unfolds
  };
  await open(page, "developer/applications/moments?key-manager=limits", "moments");
  await offered("old@example.com");
  await apply(world(), [limits(["new@example.com"])]);
  await turn(page, "admin/key-managers/limits/edit");
  await page.getByRole("textbox", { name: /^Display name/ }).fill("Limits");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Limits", exact: true })).toBeVisible();
  await turn(page, "developer/applications/moments?key-manager=limits");
  await offered("new@example.com");
});

test("that no calls were refused is said once it is known", async ({ page }) => {
  let answer = () => {};
  const held = new Promise<void>((done) => { answer = done; });
  await page.route("**/api/v1/key-managers/limits/traffic?*", async (route) => {
    await held;
    await route.fulfill({ json: { hours: [], tokens: 0 } });
  });
  await open(page, "admin/key-managers/limits/traffic", /limits/i);
  await expect(page.getByRole("heading", { name: "Reasons for refusal" })).toBeVisible();
  await expect(page.getByText("No calls were refused.")).toHaveCount(0);
  answer();
  await expect(page.getByText("No calls were refused.")).toBeVisible();
});
