import { expect, type Page } from "@playwright/test";

import { startBackend, type Backend } from "./backend";
import { complaintsOf, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

let backend: Backend;
let upstream = "";
let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  backend = await startBackend({ tells: { jwt: "x-jwt-assertion" } });
  upstream = backend.url;
  await person("shaper", "admin");
  await apply(world(), [manifest("Application", "prober", { owners: ["shaper"] })]);
  await rest(world(), "POST", "/api/v1/applications/prober/keys", { keyManager: "resident", environment: "production" });
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await signIn(page, "shaper");
});

test.afterAll(() => { backend.close(); });

test.afterEach(() => {
  expect(complaints()).toEqual([]);
});

test("whose audiences count and what the backend is told are chosen in the form", async () => {
  await apply(world(), [
    manifest("API", "told", {
      title: "Told", context: "/told", version: "v1", upstream: { production: upstream }, keyManagers: ["resident"],
      operations: [{ method: "GET", path: "/me" }],
    }),
    manifest("Subscription", "prober-told", { application: "prober", api: "told" }),
  ]);
  const tried = async () => (await rest(world(), "POST", "/api/v1/apis/told/try", {
    application: "prober", keyManager: "resident", path: "/me",
  })) as { status: number; body: string };
  const saved = async () => {
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Told", exact: true })).toBeVisible();
  };
  await open(page, "publisher/apis/told/edit", "Edit told");
  await expect(page.getByRole("combobox", { name: "Subject of the backend JWT" })).toBeHidden();
  await page.getByRole("switch", { name: "Backend JWT" }).click();
  await page.getByRole("combobox", { name: "Subject of the backend JWT" }).click();
  await page.getByRole("option", { name: /^Raw/ }).click();
  await page.getByRole("combobox", { name: "Audiences for resident" }).fill("https://elsewhere.example");
  await page.keyboard.press("Enter");
  await forEverybody(page);
  await saved();
  await expect(page.getByText("resident: audience https://elsewhere.example")).toBeVisible();
  await expect(page.getByText("Yes, in X-JWT-Assertion, with a raw subject")).toBeVisible();
  const { spec } = (await rest(world(), "GET", "/api/v1/apis/told")) as { spec: { keyManagers: unknown; backendJWT: unknown } };
  expect(spec.keyManagers).toEqual([{ name: "resident", audiences: ["https://elsewhere.example"] }]);
  expect(spec.backendJWT).toEqual({ enabled: true, subject: "raw" });
  await open(page, "publisher/apis/told/edit", "Edit told");
  await page.getByRole("combobox", { name: "Audiences for resident" }).focus();
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Backspace");
  await page.getByRole("button", { name: "Add a scope of resident" }).click();
  const scopes = page.getByRole("table", { name: "Scopes of resident" });
  await scopes.getByRole("textbox", { name: "Counts as" }).fill("told:read");
  await expect(scopes.getByText("Enter a name. A row without one is not saved.")).toBeVisible();
  await scopes.getByRole("textbox", { name: "Scope in its tokens" }).fill("Told.Read");
  await saved();
  await expect(page.getByText("resident: scope Told.Read counts as told:read")).toBeVisible();
  await open(page, "publisher/apis/told/edit", "Edit told");
  await expect(scopes.getByRole("textbox", { name: "Scope in its tokens" })).toHaveValue("Told.Read");
  await page.getByRole("button", { name: "Remove Told.Read" }).click();
  await saved();
  expect(((await rest(world(), "GET", "/api/v1/apis/told")) as { spec: { keyManagers: unknown } }).spec.keyManagers).toEqual(["resident"]);
  await expect.poll(async () => (await tried()).status).toBe(200);
  const told = JSON.parse((await tried()).body) as { jwt: string };
  const claims = JSON.parse(Buffer.from(told.jwt.split(".")[1] ?? "", "base64url").toString()) as { sub: string };
  expect(claims.sub).not.toContain("|"); // which parts a qualified subject
});

test("operations are pasted, moved and taken away, and what it would change is shown before it is saved", async () => {
  await apply(world(), [
    manifest("API", "by-hand", {
      title: "By hand", context: "/by-hand", version: "v1", upstream: { production: upstream }, keyManagers: ["resident"],
      operations: [{ method: "GET", path: "/old", scopes: ["old:read"] }, { method: "GET", path: "/kept", scopes: ["kept:read"] }],
    }),
    manifest("Subscription", "prober-by-hand", { application: "prober", api: "by-hand" }),
  ]);
  await open(page, "publisher/apis/by-hand/edit", "Edit by-hand");
  await page.getByRole("button", { name: "Paste a list" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Operations" }).fill("GET kept\n\nPOST /many a:b+c:d e:f\nGET /kept");
  await expect(dialog.getByText(/^Line 1: GET kept does not begin with a method/)).toBeVisible();
  await expect(dialog.getByText(/^Line 3: separate scopes/)).toBeVisible();
  await expect(dialog.getByText("Line 4: GET /kept is listed already")).toBeVisible();
  await expect(dialog.getByRole("button", { name: /^Add/ })).toBeDisabled();
  await dialog.getByRole("textbox", { name: "Operations" }).fill("get /many many:read, many:all\nPOST /many many:write+many:all\nGET /open none");
  await dialog.getByRole("button", { name: "Add 3 operations" }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole("button", { name: "Remove GET /old" }).click();
  const paths = () => page.getByRole("textbox", { name: "Path" }).evaluateAll((fields) => fields.map((field) => (field as HTMLInputElement).value));
  await expect(page.getByRole("textbox", { name: "Path" }).first()).toBeFocused(); // of what takes its place
  const up = page.getByRole("button", { name: "Move POST /many up" });
  await up.focus();
  await page.keyboard.press("Enter");
  await expect(up).toBeFocused();
  await page.keyboard.press("Enter");
  expect(await paths()).toEqual(["/many", "/kept", "/many", "/open"]);
  const every = page.getByRole("row").filter({ has: page.getByRole("button", { name: "Move POST /many down" }) });
  await expect(every.getByRole("combobox", { name: "Scope rule" })).toHaveValue("every"); // it moved with its row
  await page.getByRole("button", { name: "Preview changes" }).click();
  const change = page.getByRole("list", { name: "Changed operations" });
  await expect(change.getByRole("listitem").filter({ hasText: "GET /old" })).toContainText("removed");
  await expect(change.getByRole("listitem").filter({ hasText: "POST /many" })).toContainText("all of the scopes");
  await expect(change.getByText("/kept")).toHaveCount(0);
  await expect(page.getByText("1 application is subscribed")).toBeVisible();
  await expect(page.getByRole("region", { name: "Manifest to be saved" }).getByText("-     - old:read")).toBeVisible();
  await forEverybody(page, "api-preview");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "By hand", exact: true })).toBeVisible();
  const stored = (await rest(world(), "GET", "/api/v1/apis/by-hand")) as { spec: { operations: unknown } };
  expect(stored.spec.operations).toEqual([
    { method: "POST", path: "/many", allOf: ["many:write", "many:all"] },
    { method: "GET", path: "/kept", scopes: ["kept:read"] },
    { method: "GET", path: "/many", scopes: ["many:read", "many:all"] },
    { method: "GET", path: "/open", security: "none" },
  ]);
});

test("two people who change one API lose nothing: what only one changed comes together, what both did is chosen", async () => {
  const now = (await rest(world(), "GET", "/api/v1/apis/by-hand")) as { spec: { operations: { method: string; path: string; scopes?: string[] }[] } & Record<string, unknown> };
  await open(page, "publisher/apis/by-hand/edit", "Edit by-hand");
  await page.getByRole("textbox", { name: "Title" }).fill("Mine");
  await page.getByRole("textbox", { name: "Sandbox upstream" }).fill(upstream);
  await page.getByRole("button", { name: "Add operation" }).click();
  await page.keyboard.type("mine"); // the focus is in the new row
  await apply(world(), [manifest("API", "by-hand", {
    ...now.spec, title: "Theirs", visibility: ["testers"],
    operations: [...now.spec.operations.map((o) => (o.path === "/kept" ? { ...o, scopes: ["kept:all"] } : o)), { method: "GET", path: "/theirs" }],
  })]);
  await page.getByRole("button", { name: "Save" }).click();
  const conflict = page.getByRole("alert").filter({ hasText: "Someone else has changed this" });
  await expect(conflict.getByRole("region", { name: /Their changes/ })).toContainText("/theirs");
  await expect(conflict.getByRole("region", { name: /Your changes/ })).toContainText("/mine");
  const both = conflict.getByRole("radiogroup", { name: "Both of you changed Title" });
  await expect(both.getByRole("radio", { name: 'Yours: "Mine"' })).toBeChecked();
  await both.getByRole("radio", { name: 'Theirs: "Theirs"' }).check();
  await forEverybody(page, "conflict");
  await conflict.getByRole("button", { name: "Merge both" }).click();
  await expect(page.getByRole("textbox", { name: "Title" })).toHaveValue("Theirs");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Theirs", exact: true })).toBeVisible();
  const stored = (await rest(world(), "GET", "/api/v1/apis/by-hand")) as typeof now;
  expect(stored.spec).toMatchObject({ title: "Theirs", visibility: ["testers"], upstream: { production: upstream, sandbox: upstream } });
  expect(stored.spec.operations.map((o) => `${o.method} ${o.path} ${(o.scopes ?? []).join()}`)).toEqual([
    "POST /many ", "GET /kept kept:all", "GET /many many:read,many:all", "GET /open ", "GET /theirs ", "GET /mine ",
  ]);
});

test("what was said about a field goes when the field is mended; what nobody answers fails at once and is there to be sent again", async () => {
  await open(page, "publisher/apis/new", "New API");
  await page.locator('input[type="file"]').setInputFiles({ name: "x.yaml", mimeType: "application/yaml", buffer: Buffer.from("openapi: 3.1.0\npaths: [\n") });
  await expect(page.getByText(/line 2: did not find/)).toBeVisible();
  await page.getByRole("button", { name: "Enter operations by hand" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  const name = page.getByRole("textbox", { name: /^Name/ });
  await expect(name).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByRole("textbox", { name: /^Context/ })).toHaveAttribute("aria-invalid", "true");
  await name.fill("mended");
  await expect(name).not.toHaveAttribute("aria-invalid", "true");
  await expect(page.getByRole("textbox", { name: /^Context/ })).toHaveAttribute("aria-invalid", "true");
  await page.context().setOffline(true);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "did not answer" })).toBeVisible();
  await page.context().setOffline(false);
  await expect(name).toHaveValue("mended");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Some of this is not valid" })).toBeVisible();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Discard changes" }).click();
});

test("what is missing of an API or wrong in a plan is named by its field, and what a plan allows is said to who chooses it", async () => {
  await open(page, "publisher/apis/new", "New API");
  await page.getByRole("button", { name: "Save" }).click();
  const missing = page.getByRole("alert").filter({ hasText: "Some of this is not valid" });
  await missing.getByRole("button", { name: "Key managers", exact: true }).click();
  await expect(page.getByRole("combobox", { name: "Key managers" })).toBeFocused();
  await open(page, "publisher/plans/new", "New plan");
  await page.getByRole("textbox", { name: "Name" }).fill("metered");
  const period = page.getByRole("textbox", { name: /^Period/ });
  await period.fill("5 minutes");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").getByRole("button", { name: /^Period/ })).toBeVisible();
  await period.fill("5m");
  await page.getByRole("combobox", { name: "Subscriptions" }).click();
  await page.getByRole("option", { name: "need a publisher's approval" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("row").filter({ hasText: "metered" })).toContainText("10 per 5 minutes");
  await apply(world(), [
    manifest("API", "metered-v1", {
      title: "Metered", context: "/metered", version: "v1", upstream: { production: upstream }, keyManagers: "all", plans: ["metered"],
      operations: [{ method: "GET", path: "/x" }],
    }),
    manifest("Application", "chooser", { owners: ["shaper"] }),
  ]);
  await open(page, "developer/apis/metered-v1", "Metered");
  await expect(page.getByText("metered 10 per 5 minutes; a publisher approves each subscription")).toBeVisible();
  await open(page, "developer/applications/chooser/subscriptions?api=metered-v1", "chooser");
  await expect(page.getByText("Plan metered: 10 per 5 minutes; a publisher approves each subscription.")).toBeVisible();
});
