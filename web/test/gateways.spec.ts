import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";

import { expect, type Page } from "@playwright/test";

import { complaintsOf, forEverybody, open, person, shiftsOf, signIn } from "./browser";
import { apply, freePort, manifest, rest, test, world } from "./start";

let page: Page;
let complaints: () => string[];
let far: ChildProcess;

test.describe.configure({ mode: "serial" });

// Beside the gateway within the server there is one in a process of its own, and many of which there is only the credential.
test.beforeAll(async ({ browser }) => {
  await person("keeper", "admin");
  await apply(world(), [
    manifest("Application", "watched", { displayName: "Watched", owners: ["keeper"] }),
    manifest("Subscription", "watched-orders", { application: "watched", api: "orders", plan: "gold" }), // so that gateways hold it
  ]);
  const { token } = (await rest(world(), "POST", "/api/v1/gateways", { name: "far" })) as { token: string };
  far = spawn(join(import.meta.dirname, "..", "..", "bin", "keyward"), ["serve", "--role", "gateway"], {
    env: {
      PATH: process.env.PATH,
      KEYWARD_DATA: join(world().data, "far"),
      KEYWARD_CONTROL_URL: world().url,
      KEYWARD_GATEWAY_TOKEN: token,
      KEYWARD_GATEWAY_ADDRESS: `127.0.0.1:${await freePort()}`,
      KEYWARD_OPS_ADDRESS: `127.0.0.1:${await freePort()}`,
    },
  });
  for (let i = 0; i < 60; i++) await rest(world(), "POST", "/api/v1/gateways", { name: `spare-${String(i).padStart(2, "0")}` });
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await signIn(page, "keeper");
});

test.afterAll(() => { far.kill("SIGKILL"); });

test.afterEach(() => { expect(complaints()).toEqual([]); });

const row = (name: string | RegExp) => page.getByRole("table", { name: "Gateways", exact: true }).getByRole("row").filter({ hasText: name });

test("gateways come by pages, narrowed by name and state, and each has a page", async () => {
  await open(page, "admin/gateways", "Gateways");
  await expect(page.getByText("First 50", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(row("spare-59")).toContainText("never seen");
  const states = page.getByRole("radiogroup", { name: "Show" }).locator("label");
  expect(new Set(await states.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top))).size).toBe(1); // chosen or not
  await page.getByText("2 up to date", { exact: true }).click();
  await expect(row(/spare/)).toHaveCount(0);
  await expect(page).toHaveURL(/state=upToDate/);
  await expect(row("far")).toContainText("up to date");
  await forEverybody(page);
  await page.goto(`${world().url}/console/default/admin/gateways?search=SPARE-07`);
  await row("spare-07").getByRole("link", { name: "spare-07" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "spare-07", exact: true })).toBeVisible();
  await expect(page.getByText("Its credential exists, but it has not reported yet.")).toBeVisible();
});

test("a change is watched on its way: the gateway that lacks it is named, until it is back", async () => {
  far.kill("SIGSTOP");
  await open(page, "developer/applications/watched", "Watched");
  await page.getByRole("button", { name: "Hold", exact: true }).click();
  await page.getByLabel(/Reason/).fill("stolen laptop");
  await page.getByRole("textbox", { name: "Type watched to confirm" }).fill("watched");
  await page.getByRole("dialog").getByRole("button", { name: "Hold", exact: true }).click();
  const notice = page.getByRole("alert").filter({ hasText: "watched is held" });
  await expect(notice).toContainText("In force on 1 of 2 gateways.");
  await expect(notice).toContainText(/On its way to far…|Offline: far\./);
  await expect(notice).toContainText("Offline: far."); // it does not close while a gateway that seemed to be there is waited for
  await notice.getByRole("button", { name: "Close" }).click();
  await open(page, "admin/gateways", "Gateways");
  const change = page.getByRole("table", { name: "Latest changes" }).getByRole("row").filter({ hasText: "watched" }).first();
  await expect(change).toContainText("1 of 2");
  await change.getByRole("link", { name: "far" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "far", exact: true })).toBeVisible();
  await expect(page.getByText(/It has not reported for 10 seconds/)).toBeVisible();
  await expect(page.getByRole("table", { name: "Missing changes" })).toContainText("watched");
  await expect(page.getByText("It does not answer at the moment")).toBeVisible();
  await forEverybody(page, "gateway");
  await open(page, "admin/decisions", "Decisions");
  await expect(page.getByText("far does not answer")).toBeVisible();
  await person("onlooker", "publisher", "developer");
  await apply(world(), [manifest("Application", "onlooked", { owners: ["onlooker"] })]);
  const other = await (await page.context().browser()?.newContext())?.newPage();
  if (!other) throw new Error("no browser");
  await signIn(other, "onlooker");
  for (const path of ["publisher/decisions", "publisher/apis/orders", "developer/applications/onlooked/calls"]) {
    await other.goto(`${world().url}/console/default/${path}`);
    await expect(other.getByText("1 gateway does not answer")).toBeVisible(); // which ones there are is for who may list them
  }
  await other.context().close();
  await rest(world(), "DELETE", "/api/v1/applications/onlooked");
  far.kill("SIGCONT");
  await open(page, "admin/gateways/far", "far");
  await expect(page.getByText("It has every change.")).toBeVisible();
  await expect(page.getByRole("article").getByText("up to date", { exact: true })).toBeVisible();
  await open(page, "developer/applications/watched", "Watched");
  await page.getByRole("button", { name: "Lift hold" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "The hold on watched is lifted" })).toContainText("In force on all 2 gateways");
});

test("what was deleted keeps its name among the changes, and leads nowhere", async () => {
  await apply(world(), [
    manifest("Application", "parting", { owners: ["keeper"] }),
    manifest("Subscription", "parting-orders", { application: "parting", api: "orders", plan: "gold" }),
  ]);
  await rest(world(), "POST", "/api/v1/applications/parting/keys", { keyManager: "resident", environment: "production" }); // gateways hold it until then
  await rest(world(), "DELETE", "/api/v1/subscriptions/parting-orders");
  await open(page, "admin/gateways", "Gateways");
  const change = page.getByRole("table", { name: "Latest changes" }).getByRole("row").filter({ hasText: "deleted" }).first();
  await expect(change).toContainText("Subscription parting-orders (deleted)");
  await expect(change.getByRole("link")).toHaveCount(0);
  await rest(world(), "DELETE", "/api/v1/applications/parting?withKeys=true");
});

test("decisions are followed without a shift of the layout, stand still for who reads, and are found by what was answered", async () => {
  const shifts = await shiftsOf(page);
  const call = async (path: string) => (await fetch(world().gateway + path)).headers.get("x-keyward-decision") ?? "";
  const rows = page.getByRole("table", { name: "Decisions" }).getByRole("row");
  for (let i = 0; i < 70; i++) await call("/orders/v1/docs");
  await open(page, "admin/decisions", "Decisions");
  for (let i = 0; i < 4; i++) {
    const id = await call("/orders/v1/docs");
    await expect(rows.nth(1)).toContainText(id);
  }
  expect(await rows.count()).toBe(61);
  expect(await shifts()).toBeLessThan(0.05);
  await page.setViewportSize({ width: 390, height: 844 });
  const which = await rows.nth(1).getByText(/^[A-Z]+ /).filter({ visible: true }).boundingBox(); // the call, on a phone too
  expect(which?.width).toBeGreaterThan(150);
  expect((which?.x ?? 999) + (which?.width ?? 999)).toBeLessThanOrEqual(390);
  await page.setViewportSize({ width: 1280, height: 860 });
  await rows.nth(2).hover();
  const first = await rows.nth(1).textContent();
  await Promise.all(Array.from({ length: 80 }, () => call("/orders/v1/docs")));
  await expect(page.getByText("Paused while you look: 80 new.")).toBeVisible();
  for (let i = 0; i < 2; i++) await page.waitForResponse((answer) => answer.url().includes("/api/v1/decisions?"));
  await expect(page.getByText("Paused while you look: 80 new.")).toBeVisible(); // asked again about the same moment, it counts nothing twice
  expect(await rows.nth(1).textContent()).toBe(first);
  await page.getByRole("switch", { name: "Live" }).hover();
  await expect(page.getByText(/^Paused/)).toHaveCount(0); // who looks no more is shown them
  await page.getByRole("switch", { name: "Live" }).click();
  await expect(page.getByText("Stopped.")).toBeVisible();
  const id = await call("/nowhere");
  await expect(page.getByText("Stopped: 1 new.")).toBeVisible();
  await page.getByRole("button", { name: "Show new decisions" }).click();
  await expect(rows.filter({ hasText: id })).toBeVisible();
  await page.getByRole("combobox", { name: "Code" }).or(page.getByRole("textbox", { name: "Code" })).fill("no_such_api");
  await page.keyboard.press("Enter");
  await expect(rows.filter({ hasText: "missing_credentials" })).toHaveCount(0);
  await page.getByRole("combobox", { name: "Code" }).or(page.getByRole("textbox", { name: "Code" })).fill("no-such-api");
  await page.keyboard.press("Enter");
  await expect(page.getByText(/"no-such-api" is not a code of a refusal: did you mean no_such_api\?/)).toBeVisible();
  await page.getByRole("textbox", { name: "Decision ID" }).fill(`X-Keyward-Decision: ${id}`);
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await expect(page.getByText("404 no_such_api")).toBeVisible();
  await open(page, `admin/decisions/${id.slice(0, -4)}AAAA`, "Decision");
  await expect(page.getByText(/No gateway has decision/)).toBeVisible();
});
