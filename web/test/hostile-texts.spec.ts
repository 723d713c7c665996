import { expect, type Page } from "@playwright/test";

import { complaintsOf, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

// XSS: what publishers, developers, administrators and browsers of others wrote is shown as text, wherever it is shown.
const hostile = `"'><img src=x onerror="window.stolen=1"><script>window.stolen=1</script>`;
const document = `openapi: 3.1.0
info:
  title: Hostile
  version: v1
  description: |
    # A title ${hostile}
    [by a click](javascript:window.stolen=1) [by data](data:text/html,<script>window.stolen=1</script>)
    ![a picture](https://evil.example/seen.png) <iframe src="https://evil.example/"></iframe>
    <svg onload="window.stolen=1"></svg> <a href="javascript:window.stolen=1">another</a>
externalDocs: {url: "javascript:window.stolen=1", description: more}
paths:
  /a/{id}:
    get:
      summary: '<img src=x onerror=window.stolen=1>'
      description: '[by a click](JaVaScRiPt:window.stolen=1) <b onmouseover=window.stolen=1>bold</b>'
      externalDocs: {url: "javascript:window.stolen=1"}
      parameters: [{name: id, in: path, required: true, description: '<img src=x onerror=window.stolen=1>', schema: {type: string, default: '<img src=x onerror=window.stolen=1>', enum: ['<script>window.stolen=1</script>']}}]
      responses: {"200": {description: '<img src=x onerror=window.stolen=1>', content: {text/html: {schema: {type: string}, example: '<script>window.stolen=1</script>'}}}}
`;

test.beforeAll(async () => {
  await person("mallory", "admin", "publisher", "developer");
  await apply(world(), [
    manifest("KeyManager", "hostile-km", { type: "external", displayName: hostile, issuer: "https://hostile.example", keys: { jwks: "http://127.0.0.1:1/keys" } }),
    manifest("Plan", "hostile-plan", { rate: { requests: 1, per: "1s" } }),
    manifest("API", "hostile-api", { title: hostile, context: "/hostile", version: "v1", upstream: { production: world().url }, keyManagers: "all", openapi: { document }, plans: ["hostile-plan"] }),
    manifest("Application", "hostile-app", { displayName: hostile, owners: ["mallory"] }),
    manifest("Subscription", "hostile-sub", { application: "hostile-app", api: "hostile-api", plan: "hostile-plan" }),
    manifest("User", "hostile-user", { email: "a@example.com", roles: ["developer"] }),
  ]);
  await rest(world(), "POST", "/api/v1/key-managers/hostile-km/hold", { reason: hostile });
});

/** Nothing of what was written is anything but text on the page. */
async function onlyText(page: Page): Promise<void> {
  await page.waitForLoadState("networkidle");
  expect(await page.evaluate(() => ({
    stolen: (window as { stolen?: number }).stolen,
    pictures: [...window.document.querySelectorAll("img, iframe, object, embed, script:not([src])")].map((e) => e.outerHTML.slice(0, 120)),
    links: [...window.document.querySelectorAll("a[href]")].map((a) => a.getAttribute("href") ?? "").filter((h) => /^\s*(javascript|data|vbscript):/i.test(h)),
    handlers: [...window.document.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length,
  }))).toEqual({ stolen: undefined, pictures: [], links: [], handlers: 0 });
}

test("XSS: hostile texts run nothing and load nothing on any page that shows them", async ({ browser }) => {
  const context = await browser.newContext({ userAgent: `${hostile} Chrome/140` });
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  const elsewhere: string[] = [];
  page.on("request", (request) => { if (!request.url().startsWith(world().url) && !request.url().startsWith("data:")) elsewhere.push(request.url()); });
  page.on("dialog", (dialog) => { elsewhere.push(dialog.message()); void dialog.dismiss(); });
  await signIn(page, "mallory");
  await open(page, "developer/apis/hostile-api", hostile);
  await expect(page.getByText("A title", { exact: false }).first()).toBeVisible();
  await onlyText(page);
  await page.getByRole("button", { name: /GET \/a/ }).click();
  await onlyText(page);
  for (const [path, heading] of [
    ["publisher/apis/hostile-api", hostile], ["developer/applications/hostile-app", hostile], ["admin/key-managers/hostile-km", hostile],
    ["publisher/apis", "APIs"], ["developer/apis", "APIs"], ["developer/applications", "Applications"], ["admin/key-managers", "Key managers"],
    ["admin/users", "Users"], ["sessions", "Your sessions"], ["admin/sessions", "Sessions"], ["admin/audit", "Audit log"],
  ] as [string, string][]) {
    await test.step(path, async () => {
      await open(page, path, heading);
      await onlyText(page);
    });
  }
  await open(page, "admin/key-managers", "Key managers");
  await expect(page.getByText("<img src=x", { exact: false }).first()).toBeVisible(); // the control: it is shown
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("dialog").getByPlaceholder("Search or go to…").fill("hostile");
  await expect(page.getByRole("dialog").getByRole("button").filter({ hasText: "<img src=x" }).first()).toBeVisible();
  await onlyText(page);
  expect(elsewhere).toEqual([]);
  expect(complaints()).toEqual([]);
  await context.close();
});
