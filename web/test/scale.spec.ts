import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { expect, type Page, type Request } from "@playwright/test";

import { complaintsOf, person, shiftsOf, signIn } from "./browser";
import { apply, rest, test, world } from "./start";

const crowd = { Tenant: "scale", KeyManagers: 500, APIs: 300, Applications: 50_000, Users: 5_000, Audit: 20_000 };

/** The operations of an API that has very many. */
const wide = Array.from({ length: 1_000 }, (_, i) => `/part-${String(i + 1).padStart(4, "0")}`);

let page: Page;
let complaints: () => string[];
let shifts: () => Promise<number>;

test.describe.configure({ mode: "serial" });

const inScale = (kind: string, name: string, spec: unknown) => ({ apiVersion: "keyward.dev/v1", kind, metadata: { name, tenant: "scale" }, spec });

test.beforeAll(async ({ browser }) => {
  await person("scaler", "admin");
  await apply(world(), [{ apiVersion: "keyward.dev/v1", kind: "Tenant", metadata: { name: "scale" }, spec: {} }]);
  execFileSync("go", ["run", "./internal/testbed/crowd/fill", world().data, JSON.stringify(crowd)], {
    cwd: join(import.meta.dirname, "..", ".."),
  });
  await apply(world(), [inScale("API", "wide", {
    title: "Wide", context: "/wide", version: "v1", upstream: { production: world().url }, keyManagers: ["resident", "manager-00001"],
    operations: wide.map((path) => ({ method: "GET", path, scopes: ["wide:read"] })),
  }), inScale("API", "wide-document", {
    title: "Wide document", context: "/wide-document", version: "v1", upstream: { production: world().url }, keyManagers: "all",
    openapi: { document: JSON.stringify({
      openapi: "3.1.0", info: { title: "Wide", version: "1" },
      paths: Object.fromEntries(wide.map((path) => [path, { get: { summary: `Reads ${path}`, responses: { 200: { description: "It" } } } }])),
    }) },
  })]);
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  shifts = await shiftsOf(page);
  await signIn(page, "scaler");
  await page.waitForLoadState("networkidle");
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

// Who is signed in, and how much awaits an approval: that is asked again now and then, whatever the page shows.
const ofTheMenu = /\/(session|waiting)$/;

/** After which time a page may ask for the same again, in milliseconds: what it shows may have changed. */
const again = 10_000;

/** What the page asked the REST API for while something was done: each call with the bytes of its answer. */
async function asked(what: () => Promise<void>): Promise<{ path: string; bytes: number }[]> {
  const done: Promise<{ path: string; bytes: number }>[] = [];
  const begun = new Map<string, number>();
  const note = (request: Request) => {
    const url = new URL(request.url());
    if (!url.pathname.includes("/api/v1/") || ofTheMenu.test(url.pathname)) return;
    const before = begun.get(url.href) ?? Infinity;
    begun.set(url.href, request.timing().startTime);
    if (request.timing().startTime - before >= again) return;
    done.push(request.sizes().then((s) => ({ path: url.pathname + url.search, bytes: s.responseBodySize + s.responseHeadersSize })));
  };
  page.on("requestfinished", note);
  await what();
  await page.waitForLoadState("networkidle");
  page.off("requestfinished", note);
  return Promise.all(done);
}

const sum = (calls: { bytes: number }[]) => calls.reduce((all, call) => all + call.bytes, 0);

test("500 key managers and 50,000 applications come by pages, without a shift of the layout", async () => {
  for (const [path, first, most] of [
    ["admin/key-managers", "Manager 00001", 1],
    ["developer/applications", "Application 00001", 2],
  ] as const) {
    await page.goto("about:blank"); // what the page before it still asks for is not this one's
    const calls = await asked(async () => {
      await page.goto(`${world().url}/console/scale/${path}`);
      await expect(page.getByRole("link", { name: first, exact: true })).toBeVisible();
    });
    expect(calls.length, JSON.stringify(calls)).toBeLessThanOrEqual(most);
    expect(sum(calls), JSON.stringify(calls)).toBeLessThan(64 * 1024);
    expect(await page.getByRole("row").count()).toBe(51);
    await expect(page.getByText("First 50", { exact: true })).toBeVisible();
    expect(await shifts()).toBeLessThan(0.05);
  }
});

test("the next page and a search ask for what they show", async () => {
  const next = await asked(async () => {
    await page.getByRole("button", { name: "Show more" }).click();
    await expect(page.getByRole("link", { name: "Application 00051", exact: true })).toBeVisible();
  });
  expect(next.map((call) => call.path.replace(/cursor=[^&]+/, "cursor"))).toEqual(["/api/v1/applications?tenant=scale&limit=50&cursor"]);
  const found = await asked(async () => {
    await page.getByRole("searchbox", { name: /Search/ }).first().fill("49999");
    await expect(page.getByRole("link", { name: "Application 49999", exact: true })).toBeVisible();
    await expect(page.getByRole("link", { name: "Application 00001", exact: true })).toBeHidden();
  });
  expect(found.length, JSON.stringify(found)).toBe(1);
  expect(sum(found)).toBeLessThan(8 * 1024);
});

test("search over everything finds one of 50,000, and a client by its id, with one call", async () => {
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("searchbox", { name: /Search key managers/ }).or(page.getByRole("textbox", { name: /Search key managers/ }))).toBeFocused();
  const calls = await asked(async () => {
    await page.keyboard.type("application 40404");
    await expect(page.getByText("Application 40404", { exact: true })).toBeVisible();
  });
  const last = calls.filter((call) => call.path.includes("40404"));
  expect(last.map((call) => call.path.split("?")[0])).toEqual(["/api/v1/search"]);
  expect(sum(calls)).toBeLessThan(16 * 1024);
  await page.getByRole("dialog").getByPlaceholder("Search or go to…").fill("client-40404");
  await page.getByText("Key of app-40404").click();
  await expect(page.getByRole("heading", { level: 1, name: "Application 40404", exact: true })).toBeVisible();
  await page.waitForLoadState("networkidle");
});

// What each page may ask for: calls and the bytes of their answers, headers included. A page that grows beyond it asks for
// something that grows with the installation.
const routes: [path: string, heading: string, requests: number, kilobytes: number][] = [
  ["admin/key-managers", "Key managers", 1, 3],
  ["admin/key-managers/manager-00001", "Manager 00001", 5, 15],
  ["admin/key-managers/manager-00001/edit", "Edit manager-00001", 2, 10],
  ["admin/key-managers/new", "Add a key manager", 1, 12],
  ["admin/connections", "Connections", 1, 1],
  ["admin/users", "Users", 1, 3],
  ["admin/users/user-00001", "user-00001", 2, 2],
  ["admin/audit", "Audit log", 2, 4],
  ["admin/holds", "Holds", 4, 6],
  ["admin/approvals", "Approvals", 1, 1],
  ["admin/sessions", "Sessions", 1, 1],
  ["publisher/apis", "APIs", 1, 4],
  ["publisher/apis/api-00001", "API 00001", 9, 9], // with its last calls, and what is held of its subscribers
  ["publisher/apis/api-00001/edit", "Edit api-00001", 4, 4], // with the context's versions: one of them may be the default
  ["publisher/apis/new", "New API", 2, 4],
  ["publisher/apis/wide", "Wide", 8, 17],
  ["publisher/apis/wide/edit", "Edit wide", 5, 9],
  ["publisher/apis/wide-document", "Wide document", 8, 21],
  ["publisher/apis/wide-document/edit", "Edit wide-document", 4, 64],
  ["publisher/plans", "Plans", 1, 1],
  ["publisher/plans/plan-00001", "Edit plan-00001", 2, 2],
  ["publisher/requests", "Subscription requests", 1, 1],
  ["developer/apis", "APIs", 1, 4],
  ["developer/apis/api-00001", "API 00001", 5, 10], // none of the 500 key managers is enabled
  ["developer/apis/wide", "Wide", 5, 10], // with the applications to subscribe
  ["developer/apis/wide-document", "Wide document", 5, 18],
  ["developer/applications", "Applications", 1, 3],
  ["developer/applications/app-00001", "Application 00001", 6, 12], // it has a key in each of the 500 key managers
  ["developer/applications/app-00002", "Application 00002", 6, 6],
  ["developer/applications/app-00001/subscriptions", "Application 00001", 5, 6],
  ["developer/applications/app-00001/calls", "Application 00001", 3, 3],
  ["developer/applications/app-00001/settings", "Application 00001", 2, 2],
  ["developer/applications/new", "New application", 0, 1],
];

test("no page asks for more than it shows, or moves what it showed", async () => {
  for (const [path, heading, requests, kilobytes] of routes) {
    await page.goto("about:blank");
    const calls = await asked(async () => {
      await page.goto(`${world().url}/console/scale/${path}`);
      await expect(page.getByRole("heading", { level: 1, name: heading, exact: true })).toBeVisible();
    });
    expect.soft(calls.length, `${path}: ${JSON.stringify(calls)}`).toBeLessThanOrEqual(requests);
    expect.soft(sum(calls), `${path}: ${JSON.stringify(calls)}`).toBeLessThan(kilobytes * 1024);
    expect.soft(await shifts(), `the layout of ${path} shifts`).toBeLessThan(0.05);
    expect.soft(await page.locator("*").count(), `elements of ${path}`).toBeLessThan(4_000);
  }
});

test("an API with a thousand operations is read and changed by parts", async () => {
  await page.goto(`${world().url}/console/scale/developer/apis/wide-document`);
  await expect(page.getByText("/part-0050", { exact: true })).toBeVisible();
  await expect(page.getByText("/part-0051", { exact: true })).toBeHidden();
  await page.getByRole("searchbox", { name: "Search operations" }).fill("reads /part-0777");
  await expect(page.getByText("/part-0777", { exact: true })).toBeVisible();
  await expect(page.getByText("/part-0001", { exact: true })).toBeHidden();

  await page.goto(`${world().url}/console/scale/publisher/apis/wide/edit`);
  const operations = page.getByRole("row").filter({ has: page.getByRole("textbox", { name: "Path" }) });
  await expect(operations).toHaveCount(25);
  await page.getByRole("button", { name: "Page 40", exact: true }).click();
  await expect(operations.last().getByRole("textbox", { name: "Path" })).toHaveValue("/part-1000");
  await page.getByRole("button", { name: "Add operation" }).click();
  await expect(operations).toHaveCount(1); // on a page of its own
  await expect(operations.getByRole("textbox", { name: "Path" })).toBeFocused();
  await operations.getByRole("textbox", { name: "Path" }).fill("/part-1001");
  await page.getByRole("searchbox", { name: "Search operations" }).fill("part-05");
  await expect(page.getByText("100 entries", { exact: true })).toBeVisible();
  await operations.first().getByRole("textbox", { name: "Path" }).fill("/part-05-first");
  await operations.nth(1).getByRole("button", { name: "Remove GET /part-0501" }).click();
  await expect(page.getByText("99 entries", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Wide", exact: true })).toBeVisible();
  const stored = (await rest(world(), "GET", "/api/v1/apis/wide?tenant=scale")) as { spec: { operations: { path: string }[] } };
  const paths = stored.spec.operations.map((o) => o.path);
  expect([paths.length, paths[499], paths[500], paths[999]]).toEqual([1_000, "/part-05-first", "/part-0502", "/part-1001"]);
});

test("who owns a few of very many gets those alone", async () => {
  const few = (await rest(world(), "GET", "/api/v1/applications?tenant=scale&owner=hermit")) as { items: unknown[] };
  expect(few.items.length).toBe(10);
});
