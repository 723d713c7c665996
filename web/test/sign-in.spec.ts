import { expect, type Browser, type BrowserContext, type Page } from "@playwright/test";
import { createHash, randomBytes } from "node:crypto";

import { complaintsOf, faultsIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

// The pages of the authorization server itself, as somebody with a phone and no mouse has them.
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };
const first = "a few words that fit";
const second = "other words that fit";

let context: BrowserContext;
let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await apply(world(), [manifest("User", "pilar", { email: "pilar@example.com", roles: ["developer"] }), manifest("Application", "reader", { displayName: "Night Reader", owners: ["pilar"] })]);
  context = await browser.newContext(phone);
  page = await context.newPage();
  complaints = complaintsOf(page);
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

const at = (path: string) => `${world().url}/oauth2/${path}`;

/** No serious finding of axe in light and dark, nothing wider than the phone, and nothing too small for a finger. With a name it becomes a picture. */
async function usable(on: Page, name?: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await on.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    if (colorScheme === "light" && name && process.env.KEYWARD_SCREENSHOTS) await on.screenshot({ path: `../docs/console/${name}.png` });
    expect(await faultsIn(on, colorScheme)).toEqual([]);
  }
  expect(await on.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  for (const target of await on.locator("button, input:not([type=hidden])").all()) {
    expect((await target.boundingBox())?.height ?? 0).toBeGreaterThanOrEqual(40);
  }
}

/** Types into the field that has the focus and those after it, and sends the form by Enter. */
async function type(on: Page, ...texts: string[]): Promise<void> {
  await expect(on.locator("input:focus")).toHaveCount(1);
  for (const [i, text] of texts.entries()) {
    if (i > 0) await on.keyboard.press("Tab");
    await on.keyboard.press("ControlOrMeta+A");
    await on.keyboard.type(text);
  }
  await on.keyboard.press("Enter");
}

/** Goes by Tab to what has this name, and presses it. */
async function press(on: Page, role: "link" | "button", name: string): Promise<void> {
  const target = on.getByRole(role, { name, exact: true });
  await expect(target).toBeVisible();
  for (let i = 0; i < 20 && !(await target.evaluate((e) => e === document.activeElement)); i++) await on.keyboard.press("Tab");
  await expect(target).toBeFocused();
  await on.keyboard.press("Enter");
}

async function link(): Promise<string> {
  return ((await rest(world(), "POST", "/api/v1/users/pilar/password-reset")) as { link: string }).link;
}

async function elsewhere(browser: Browser, do_: (other: Page) => Promise<void>): Promise<void> {
  const other = await browser.newContext();
  await do_(await other.newPage());
  await other.close();
}

test("a password is chosen by a one-time link, once, and a newer link replaces an older one", async ({ browser }) => {
  const old = await link();
  const newest = await link();
  await page.goto(old);
  await expect(page.getByRole("heading", { name: "This link does not work any more" })).toBeVisible();
  await usable(page);
  await page.goto(newest);
  await usable(page, "password-reset");
  await type(page, "short", "short");
  await expect(page.getByRole("alert")).toContainText("at least 8 characters");
  await expect(page.getByRole("textbox", { name: "New password", exact: true })).toHaveAttribute("aria-invalid", "true");
  await usable(page);
  await type(page, first, second);
  await expect(page.getByRole("alert")).toContainText("not the same");
  await type(page, first, first);
  await expect(page.getByRole("heading", { name: "You are signed in" })).toBeVisible();
  await usable(page);
  await elsewhere(browser, async (other) => {
    await other.goto(newest);
    await expect(other.getByRole("heading", { name: "This link does not work any more" })).toBeVisible();
  });
});

test("the password is changed, which signs out everywhere else", async ({ browser }) => {
  await elsewhere(browser, async (other) => {
    await other.goto(at("sign-in"));
    await type(other, "pilar", first);
    await expect(other.getByRole("heading", { name: "You are signed in" })).toBeVisible();
    await page.goto(at("account"));
    await press(page, "link", "Change the password");
    await usable(page, "password-change");
    await type(page, "not it at all", second, second);
    await expect(page.getByRole("alert")).toContainText("The current password is wrong");
    await type(page, first, second, second);
    await expect(page.getByRole("heading", { name: "You are signed in" })).toBeVisible();
    await other.reload();
    await expect(other.getByRole("heading", { name: "Sign in" })).toBeVisible();
  });
});

test("an application is allowed by its name, refreshes, and is told when it is not allowed", async () => {
  const back = `${world().gateway}/cb`; // which has no such address, and says so
  const client = (await rest(world(), "POST", "/api/v1/applications/reader/keys", {
    keyManager: "resident", environment: "production", grants: ["authorization_code", "refresh_token"], callbacks: [back],
  })) as { clientId: string; clientSecret: string };
  const verifier = randomBytes(32).toString("base64url");
  const ask = (more: Record<string, string>) => `${at("authorize")}?${new URLSearchParams({
    client_id: client.clientId, redirect_uri: back, response_type: "code", scope: "openid offline_access", state: "s",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256", ...more,
  }).toString()}`;
  const answered = async () => {
    await page.waitForURL((url) => url.href.startsWith(back));
    return new URL(page.url()).searchParams;
  };
  const tokens = async (form: Record<string, string>) => {
    const answer = await fetch(at("token"), {
      method: "POST", body: new URLSearchParams(form),
      headers: { Authorization: `Basic ${Buffer.from(`${client.clientId}:${client.clientSecret}`).toString("base64")}` },
    });
    return { status: answer.status, ...((await answer.json()) as { refresh_token?: string; id_token?: string }) };
  };
  await page.goto(ask({}));
  await expect(page.getByRole("heading", { name: "Allow Night Reader?" })).toBeVisible();
  await usable(page);
  await press(page, "button", "Do not allow");
  expect((await answered()).get("error")).toBe("access_denied");
  await page.goto(ask({}));
  await press(page, "button", "Allow");
  const code = (await answered()).get("code") ?? "";
  const one = await tokens({ grant_type: "authorization_code", code, redirect_uri: back, code_verifier: verifier });
  expect(one.id_token).toBeTruthy();
  const two = await tokens({ grant_type: "refresh_token", refresh_token: one.refresh_token ?? "" });
  expect(two.refresh_token).toBeTruthy();
  expect((await tokens({ grant_type: "refresh_token", refresh_token: one.refresh_token ?? "" })).status).toBe(400); // used before: all of it ends
  expect((await tokens({ grant_type: "refresh_token", refresh_token: two.refresh_token ?? "" })).status).toBe(400);
  await page.goto(ask({ prompt: "login" }));
  await expect(page.getByText("to continue to Night Reader")).toBeVisible();
  await usable(page);
  await type(page, "pilar", second);
  expect((await answered()).get("code")).toBeTruthy(); // what was allowed before is not asked for again
});

test("signing in goes wrong and right, and signing out is asked for first", async () => {
  await page.goto(at("account"));
  await press(page, "link", "Sign out");
  await expect(page.getByRole("heading", { name: "Sign out?" })).toBeVisible();
  await usable(page);
  await press(page, "button", "Sign out");
  await expect(page.getByRole("heading", { name: "You are signed out" })).toBeVisible();
  await usable(page);
  await page.goto(at("account"));
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await usable(page);
  await type(page, "pilar", "not it at all");
  await expect(page.getByRole("alert")).toContainText("The user name or the password is wrong");
  await expect(page).toHaveTitle(/^Error: /);
  await type(page, second);
  await expect(page.getByText("As pilar.")).toBeVisible();
  await press(page, "link", "Go to the console"); // and is in it: nobody is asked again
  await expect(page.getByRole("button", { name: "Your account" })).toBeVisible();
});
