import { expect, type Page } from "@playwright/test";

import { complaintsOf, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await person("boss", "admin");
  await person("reader", "auditor");
  await apply(world(), [
    manifest("User", "leaver", { roles: ["developer"] }),
    manifest("Plan", "spare-plan", { rate: { requests: 1, per: "1s" } }),
    manifest("Application", "left-behind", { displayName: "Left behind", owners: ["leaver", "boss", "alice"] }),
    manifest("KeyManager", "incident", { type: "external", displayName: "Incident", issuer: "https://incident.example", keys: { jwks: "http://127.0.0.1:1/k" } }),
    manifest("API", "on-incident", {
      title: "On incident", context: "/on-incident", version: "v1", upstream: { production: world().url }, keyManagers: ["incident"], plans: ["gold"],
      operations: [{ method: "GET", path: "/a" }],
    }),
    manifest("Subscription", "left-behind-on-incident", { application: "left-behind", api: "on-incident", plan: "gold" }),
  ]);
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await signIn(page, "boss");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

// Types the word that the open dialog wants, and does it.
async function confirm(word: string, action: string): Promise<void> {
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: action, exact: true })).toBeDisabled();
  await dialog.getByRole("textbox", { name: `Type ${word} to confirm` }).fill(word);
  await dialog.getByRole("button", { name: action, exact: true }).click();
}

// Who uses it stands in the open dialog with the way there, and the button that would be refused does not. It is closed.
async function refused(users: string | RegExp, link: string): Promise<void> {
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText(users)).toBeVisible();
  await expect(dialog.getByRole("link", { name: link, exact: true })).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Delete", exact: true })).toHaveCount(0);
  await expect(dialog.getByRole("textbox")).toHaveCount(0);
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await expect(dialog).toBeHidden();
}

test("a connection is made from its type's fields, gets a next value, and says who uses it before it goes", async () => {
  await open(page, "admin/connections", "Connections");
  await page.getByRole("link", { name: "Add a connection" }).first().click();
  await page.getByRole("textbox", { name: /^Name/ }).fill("acme");
  await page.getByRole("combobox", { name: /^Type/ }).click();
  await page.getByRole("option", { name: /Okta/ }).click();
  await page.getByRole("textbox", { name: /address of the organization|Organization|URL/i }).first().fill("https://acme.okta.com");
  await page.getByLabel(/API token/).fill("the first token");
  await page.getByText("Network", { exact: true }).click();
  await page.getByRole("textbox", { name: "Timeout" }).fill("8s");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "acme", exact: true })).toBeVisible();
  await page.getByRole("button", { name: /Add next value/ }).first().click();
  await page.getByLabel(/next value/).fill("the second token");
  await forEverybody(page, "connection");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Connections", exact: true })).toBeVisible();
  const stored = JSON.stringify(await rest(world(), "GET", "/api/v1/connections/acme"));
  expect(stored).toContain('"next":{"stored":true}');
  expect(stored).toContain('"outbound":{"timeout":"8s"}');
  await open(page, "admin/connections/acme", "acme");
  await page.getByRole("button", { name: "Use next value now" }).click();
  await expect(page.getByRole("status").filter({ hasText: "replaces the current one when you save" })).toBeVisible();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Connections", exact: true })).toBeVisible();
  expect(JSON.stringify(await rest(world(), "GET", "/api/v1/connections/acme"))).toContain('"apiToken":{"stored":true}');
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
  await refused("KeyManager: acme-okta", "acme-okta");
  await rest(world(), "DELETE", "/api/v1/key-managers/acme-okta");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await confirm("acme", "Delete");
  await expect(page.getByRole("heading", { level: 1, name: "Connections", exact: true })).toBeVisible();
});

test("a tenant is made, wants approvals, and goes when nothing is in it", async () => {
  await open(page, "admin/tenants/new", "Add a tenant");
  await page.getByRole("textbox", { name: /^Name/ }).fill("acme-corp");
  await page.getByRole("combobox", { name: "Keys for production" }).click();
  await page.getByRole("option", { name: "need an administrator's approval" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  const row = page.getByRole("row").filter({ hasText: "acme-corp" });
  await expect(row).toContainText("production");
  await forEverybody(page, "tenants");
  await rest(world(), "PUT", "/api/v1/plans/inside?tenant=acme-corp", { spec: {} });
  await rest(world(), "PUT", "/api/v1/tenants/acme-corp", { spec: { keys: { approval: "manual" } } }); // one word for both
  await open(page, "admin/tenants/acme-corp", "acme-corp");
  await forEverybody(page, "tenant");
  await page.getByRole("combobox", { name: "Keys for sandbox" }).click();
  await page.getByRole("option", { name: "created immediately" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(row).toContainText("production");
  await open(page, "admin/tenants/acme-corp", "acme-corp");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await refused("Plan: inside", "inside");
  await rest(world(), "DELETE", "/api/v1/plans/inside?tenant=acme-corp");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await confirm("acme-corp", "Delete");
  await expect(page.getByRole("heading", { level: 1, name: "Tenants", exact: true })).toBeVisible();
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
    await page.getByRole("row").filter({ hasText: name }).getByRole("button", { name: "Lift hold" }).click();
    await expect(page.getByRole("row").filter({ hasText: name })).toBeHidden();
  }
  await expect(page.getByText("Nothing is held")).toBeVisible();
});

test("what a hold stops says so in red wherever it is named, with reason and who", async () => {
  await rest(world(), "POST", "/api/v1/key-managers/incident/hold", { reason: "its key leaked" });
  await rest(world(), "POST", "/api/v1/applications/left-behind/hold", { reason: "stolen laptop" });
  const held = { manager: /Held.*its key leaked, by admin/, application: /Held.*stolen laptop, by admin/ };
  for (const [path, heading, row, what] of [
    ["admin/key-managers", "Key managers", "Incident", held.manager],
    ["publisher/apis", "APIs", "On incident", held.manager],
    ["publisher/apis/on-incident", "On incident", "left-behind", held.application],
    ["developer/apis", "APIs", "On incident", held.manager],
  ] as const) {
    await open(page, path, heading);
    await expect(page.getByRole("row").filter({ hasText: row })).toContainText(what);
  }
  await open(page, "developer/apis/on-incident", "On incident");
  await expect(page.getByRole("main")).toContainText(held.manager);
  await open(page, "developer/applications/left-behind?key-manager=incident", "Left behind");
  await expect(page.getByRole("tab", { name: /Incident/ })).toContainText(held.manager);
  await expect(page.getByRole("alert").filter({ hasText: "Incident is held: its key leaked" })).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").getByPlaceholder("Search or go to…").fill("left-behind");
  await expect(page.getByRole("dialog").getByRole("button").filter({ hasText: "Left behind" })).toContainText(held.application);
  await page.keyboard.press("Escape");
  await open(page, "admin/key-managers/incident", "Incident");
  await page.getByRole("alert").filter({ hasText: "its key leaked" }).getByRole("button", { name: "Lift hold" }).click();
  await page.getByRole("alert").filter({ hasText: "The hold on incident is lifted" }).getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Held: its key leaked" })).toBeVisible();
  for (const path of ["key-managers/incident", "applications/left-behind"]) await rest(world(), "POST", `/api/v1/${path}/unhold`);
});

test("an undo does nothing to what somebody else changed or deleted meanwhile, and says so", async () => {
  const holdIt = async (name: string) => {
    await open(page, `admin/key-managers/${name}`, name);
    await page.getByRole("button", { name: "Hold", exact: true }).click();
    await page.getByRole("dialog").getByRole("textbox", { name: /Reason/ }).fill("by mistake");
    await confirm(name, "Hold");
    const done = page.getByRole("alert").filter({ hasText: `${name} is held` });
    await expect(done).toBeVisible(); // before anybody else does something
    return done;
  };
  for (const name of ["passing", "passed-on"]) {
    await apply(world(), [manifest("KeyManager", name, { type: "external", issuer: `https://${name}.example`, keys: { jwks: "http://127.0.0.1:1/k" } })]);
  }
  const anew = await holdIt("passed-on");
  await rest(world(), "POST", "/api/v1/key-managers/passed-on/unhold");
  await rest(world(), "POST", "/api/v1/key-managers/passed-on/hold", { reason: "a real incident" });
  await anew.getByRole("button", { name: "Undo" }).click();
  await expect(anew).toContainText("Someone else changed it in the meantime");
  await expect(anew.getByRole("button", { name: "Undo" })).toBeHidden();
  expect(JSON.stringify(await rest(world(), "GET", "/api/v1/key-managers/passed-on"))).toContain("a real incident");
  const gone = await holdIt("passing");
  await rest(world(), "DELETE", "/api/v1/key-managers/passing");
  await gone.getByRole("button", { name: "Undo" }).click();
  await expect(gone).toContainText("It was deleted in the meantime");
  await rest(world(), "DELETE", "/api/v1/key-managers/passed-on");
});

test("a key manager that is in use is not deleted but disabled, which can be undone", async () => {
  await open(page, "admin/key-managers/incident", "Incident");
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("link", { name: "on-incident" }).first()).toHaveAttribute("href", /publisher\/apis\/on-incident$/);
  await expect(dialog.getByRole("button", { name: "Delete", exact: true })).toHaveCount(0);
  await forEverybody(page, "key-manager-in-use");
  await dialog.getByRole("button", { name: "Disable it instead" }).click();
  await expect(page.getByRole("dialog", { name: /Disable incident/ })).toBeVisible();
  await confirm("incident", "Disable");
  const enabled = async () => ((await rest(world(), "GET", "/api/v1/key-managers/incident")) as { spec: { enabled?: boolean } }).spec.enabled ?? true;
  await expect(page.getByRole("article").getByText("disabled", { exact: true })).toBeVisible();
  expect(await enabled()).toBe(false);
  await page.getByRole("alert").filter({ hasText: "incident is disabled" }).getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("article").getByText("disabled", { exact: true })).toBeHidden();
  expect(await enabled()).toBe(true);
});

test("once a key manager is deleted, nobody is asked for what is gone", async () => {
  await apply(world(), [manifest("KeyManager", "goner", { type: "external", issuer: "https://goner.example", keys: { jwks: "http://127.0.0.1:1/k" } })]);
  const missing: string[] = [];
  const note = (answer: { status: () => number; url: () => string }) => { if (answer.status() === 404) missing.push(answer.url()); };
  await open(page, "admin/key-managers/goner", "goner");
  page.on("response", note);
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await confirm("goner", "Delete");
  await expect(page.getByRole("alert").filter({ hasText: "goner is deleted" })).toContainText("In force on");
  await expect(page.getByRole("row").filter({ hasText: "goner" })).toBeHidden();
  await page.waitForLoadState("networkidle");
  page.off("response", note);
  expect(missing).toEqual([]);
});

test("a list of key managers shows their traffic, and a request leads to what it is about", async () => {
  const calls = page.getByRole("row").filter({ hasText: "resident" }).getByRole("link", { name: /[1-9]\d* calls with its tokens passed and \d+ were refused/ });
  await expect(async () => {
    await open(page, "admin/key-managers", "Key managers");
    await expect(calls).toBeVisible({ timeout: 10_000 }); // counted by now, or with the next time that it is opened
  }).toPass();
  await calls.click();
  await expect(page).toHaveURL(/resident\/traffic$/);
  const { token } = (await rest(world(), "POST", "/api/v1/tokens", { user: "alice" })) as { token: string };
  await apply({ ...world(), token }, [manifest("Subscription", "left-behind-orders", { application: "left-behind", api: "orders", plan: "platinum" })]);
  await open(page, "publisher/requests", "Subscription requests");
  await expect(page.getByRole("navigation").getByRole("link", { name: /^Requests [1-9]\d* waiting$/ })).toBeVisible();
  const row = page.getByRole("row").filter({ hasText: "left-behind" });
  await expect(row.getByRole("link", { name: "orders" })).toHaveAttribute("href", /publisher\/apis\/orders$/);
  await row.getByRole("link", { name: "left-behind" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Left behind", exact: true })).toBeVisible();
  await open(page, "developer/subscriptions/left-behind-orders", "Left behind");
  await expect(page).toHaveURL(/applications\/left-behind\/subscriptions$/);
});

test("a user is let in with a link that is shown once", async () => {
  await open(page, "admin/users/alice", "alice");
  await page.getByRole("button", { name: "Create a one-time link" }).click();
  await expect(page.getByText(/\/oauth2\/reset\?link=/)).toBeVisible();
  await forEverybody(page, "user-link");
});

test("whoever makes an API token asks the server for its user, and the audit log is narrowed to it", async () => {
  const asked: string[] = [];
  const note = (request: { url: () => string }) => { if (request.url().includes("/api/v1/users")) asked.push(request.url()); };
  await open(page, "admin/tokens", "API tokens");
  page.on("request", note);
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("combobox", { name: /User/ }).or(dialog.getByRole("textbox", { name: /User/ })).first().fill("alice@exam");
  await expect(page.getByRole("option")).toHaveCount(1);
  await page.getByRole("option", { name: "alice" }).click();
  await dialog.getByRole("button", { name: "Create token" }).click();
  await expect(dialog.getByText(/^kwt_/)).toBeVisible();
  await forEverybody(page, "token-made");
  page.off("request", note);
  expect(asked.some((url) => url.includes("search=alice"))).toBe(true);
  expect(asked.filter((url) => !/[?&](limit=20|names=alice)(&|$)/.test(url))).toEqual([]); // the first few that fit, and the chosen one
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await page.setViewportSize({ width: 390, height: 844 });
  for (const [path, heading] of [["admin/tokens", "API tokens"], ["admin/audit", "Audit log"]] as const) {
    await open(page, path, heading);
    await expect(page.getByRole("cell").first()).toBeVisible();
    const over = await page.getByRole("cell").evaluateAll((cells) => cells.filter((c) => c.scrollWidth > c.clientWidth + 1).map((c) => c.textContent));
    expect(over).toEqual([]); // nothing lies over the column beside it
  }
  await page.setViewportSize({ width: 360, height: 780 }); // all of an entry is there, without pushing the table aside
  await expect.poll(() => page.getByRole("region", { name: "Audit log" }).evaluate((table) => table.scrollWidth - table.clientWidth)).toBe(0);
  await expect(page.getByRole("row").filter({ hasText: "token.created" }).first()).toContainText(/APIToken/);
  await page.setViewportSize({ width: 1280, height: 860 });
  const kind = page.getByRole("combobox", { name: "Kind" }).or(page.getByRole("textbox", { name: "Kind" })).first();
  await kind.fill("APIToken");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/kind=APIToken/);
  await expect(page.getByRole("row").nth(1)).toContainText("token.created");
  await expect(page.getByRole("row").filter({ hasText: "Plan" })).toHaveCount(0);
});

test("before the last user leaves a group it is said what only administrators would manage, and afterwards where it is seen", async () => {
  await apply(world(), [
    manifest("User", "last", { roles: ["developer"], groups: ["crew"] }),
    manifest("Application", "crewed", { displayName: "Crewed", owners: ["group/crew"] }),
  ]);
  await open(page, "admin/users/last", "last");
  await page.getByLabel("Groups", { exact: true }).and(page.locator("input")).focus();
  await page.keyboard.press("Backspace");
  const alone = page.getByRole("status").filter({ hasText: "Only administrators would be able to manage these" });
  await expect(alone.getByRole("link", { name: "crewed" })).toBeVisible();
  await forEverybody(page);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Users", exact: true })).toBeVisible();
  await open(page, "developer/applications/crewed", "Crewed");
  const unmanaged = page.getByRole("status").filter({ hasText: "Only administrators can manage this application" });
  await unmanaged.getByRole("link", { name: "crew", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "crew", exact: true })).toBeVisible();
  await expect(page.getByText("No users are in it.")).toBeVisible();
  await expect(page.getByRole("link", { name: "Crewed" })).toBeVisible();
  await forEverybody(page, "group");
  await rest(world(), "DELETE", "/api/v1/applications/crewed");
  await rest(world(), "DELETE", "/api/v1/users/last");
});

test("users and plans go after a look at who uses them and their name typed", async () => {
  await open(page, "admin/users/leaver", "leaver");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("dialog").getByText("Application: left-behind")).toBeVisible();
  await confirm("leaver", "Delete");
  await expect(page.getByRole("heading", { level: 1, name: "Users", exact: true })).toBeVisible();
  await open(page, "publisher/plans/gold", "Edit gold");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await refused(/Subscription: .*till-orders/, "till-orders");
  await open(page, "publisher/plans/spare-plan", "Edit spare-plan");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("dialog").getByText("Nothing uses it.")).toBeVisible();
  await confirm("spare-plan", "Delete");
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible();
  const row = page.getByRole("row").filter({ hasText: "spare-plan" });
  await expect(row).toBeHidden();
  await page.getByRole("alert").filter({ hasText: "spare-plan is deleted" }).getByRole("button", { name: "Undo" }).click();
  await expect(row).toContainText("1 per second");
  await rest(world(), "DELETE", "/api/v1/plans/spare-plan");
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
    await expect(theirs.getByText("Your role can view this but not change it.")).toBeVisible();
    await expect(theirs.getByRole("main").getByRole("textbox")).toHaveCount(0);
    for (const name of ["Save", "Delete", "Hold"]) await expect(theirs.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  await forEverybody(theirs, "auditor");
  for (const path of ["admin/key-managers/new", "admin/users/new", "publisher/apis/new", "developer/applications/new"]) {
    await open(theirs, path, "Your role cannot open this page");
    await expect(theirs.getByText("Your role here: auditor.")).toBeVisible();
    await expect(theirs.getByRole("link", { name: "boss" })).toBeVisible();
  }
  await forEverybody(theirs, "not-yours");
  await theirs.context().close();
});

test("who has no role for a page reads why, and whom to ask", async ({ browser }) => {
  await person("keys-only-dev", "developer");
  const theirs = await (await browser.newContext()).newPage();
  await signIn(theirs, "keys-only-dev");
  for (const path of ["admin/key-managers", "admin/users/new", "publisher/apis/new"]) {
    await open(theirs, path, "Your role cannot open this page");
    await expect(theirs.getByText(/Ask an administrator of tenant default/)).toBeVisible();
  }
  await open(theirs, "developer/applications/new", "New application"); // what their role is for
  await theirs.context().close();
});
