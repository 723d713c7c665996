import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { expect, test, type Page, type Request } from "@playwright/test";

import { complaintsOf, person, signIn } from "./browser";
import { apply, rest, world } from "./start";

const managers = 500;
const applications = 50_000;

let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

const inScale = (kind: string, name: string, spec: unknown) => ({ apiVersion: "keyward.dev/v1", kind, metadata: { name, tenant: "scale" }, spec });

test.beforeAll(async ({ browser }) => {
  await person("scaler", "admin");
  await apply(world(), [{ apiVersion: "keyward.dev/v1", kind: "Tenant", metadata: { name: "scale" }, spec: {} }]);
  const numbers = Array.from({ length: managers }, (_, i) => String(i + 1).padStart(3, "0"));
  await apply(world(), numbers.map((n) => inScale("KeyManager", `manager-${n}`, {
    type: "external", displayName: `Manager ${n}`, enabled: false, issuer: `https://manager-${n}.example`, keys: { jwks: `https://manager-${n}.example/keys` },
  })));
  execFileSync("go", ["run", "./internal/testbed/crowd/fill", world().data, JSON.stringify({ Tenant: "scale", Applications: applications })], {
    cwd: join(import.meta.dirname, "..", ".."),
  });
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await page.addInitScript(() => {
    const seen = window as unknown as { shifts: number };
    seen.shifts = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!entry.hadRecentInput) seen.shifts += entry.value;
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  await signIn(page, "scaler");
  await page.waitForLoadState("networkidle");
});

test.afterAll(async () => { await page.context().close(); });

test.afterEach(() => { expect(complaints()).toEqual([]); });

/** What the page asked the REST API for while something was done: each call with the bytes of its answer. */
async function asked(what: () => Promise<void>): Promise<{ path: string; bytes: number }[]> {
  const done: Promise<{ path: string; bytes: number }>[] = [];
  const note = (request: Request) => {
    const url = new URL(request.url());
    if (!url.pathname.includes("/api/v1/") || url.pathname.endsWith("/session")) return;
    done.push(request.sizes().then((s) => ({ path: url.pathname + url.search, bytes: s.responseBodySize + s.responseHeadersSize })));
  };
  page.on("requestfinished", note);
  await what();
  await page.waitForLoadState("networkidle");
  page.off("requestfinished", note);
  return Promise.all(done);
}

const sum = (calls: { bytes: number }[]) => calls.reduce((all, call) => all + call.bytes, 0);

const shifts = () => page.evaluate(() => (window as unknown as { shifts: number }).shifts);

test("500 key managers and 50,000 applications come by pages, without a shift of the layout", async () => {
  for (const [path, first, most] of [
    ["admin/key-managers", "Manager 001", 1],
    ["developer/applications", "Application 00001", 2],
  ] as const) {
    const calls = await asked(async () => {
      await page.goto(`${world().url}/console/scale/${path}`);
      await expect(page.getByRole("link", { name: first, exact: true })).toBeVisible();
    });
    expect(calls.length, JSON.stringify(calls)).toBeLessThanOrEqual(most);
    expect(sum(calls), JSON.stringify(calls)).toBeLessThan(64 * 1024);
    expect(await page.getByRole("row").count()).toBe(51);
    await expect(page.getByText("The first 50", { exact: true })).toBeVisible();
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

test("search over everything finds one of 50,000 with one call for each kind", async () => {
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("searchbox", { name: /Search key managers/ }).or(page.getByRole("textbox", { name: /Search key managers/ }))).toBeFocused();
  const calls = await asked(async () => {
    await page.keyboard.type("application 40404");
    await expect(page.getByText("Application 40404", { exact: true })).toBeVisible();
  });
  const last = calls.filter((call) => call.path.includes("40404"));
  expect(last.map((call) => call.path.split("?")[0]).sort()).toEqual(["/api/v1/apis", "/api/v1/applications", "/api/v1/key-managers"]);
  expect(sum(calls)).toBeLessThan(32 * 1024);
  await page.keyboard.press("Escape");
});

test("who owns a few of very many gets those alone", async () => {
  const few = (await rest(world(), "GET", "/api/v1/applications?tenant=scale&owner=hermit")) as { items: unknown[] };
  expect(few.items.length).toBe(10);
});
