import { expect, type Page } from "@playwright/test";

import { startBackend, type Backend } from "./backend";
import { complaintsOf, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

const document = `openapi: 3.1.0
info: {title: Stock, version: v1, description: "Levels of **all** sites. [run](javascript:alert(1)) <script>alert(1)</script>"}
servers: [{url: UPSTREAM}]
components:
  securitySchemes:
    corp: {type: oauth2, flows: {clientCredentials: {tokenUrl: https://sso.example/token, scopes: {"stock:read": r, "stock:write": w}}}}
  schemas:
    Level: {type: object, required: [sku], properties: {sku: {type: string, examples: [A-7]}, left: {type: integer}, inside: {$ref: "#/components/schemas/Level"}}}
paths:
  /levels/{sku}:
    get:
      summary: One level
      description: "Read [more](https://docs.example/levels)."
      security: [{corp: ["stock:read"]}]
      parameters:
        - {name: sku, in: path, required: true, description: What is stored, schema: {type: string}}
        - {name: at, in: query, description: A site, schema: {type: string}}
      responses: {"200": {description: The level, content: {application/json: {schema: {$ref: "#/components/schemas/Level"}}}}}
    put:
      summary: Set a level
      security: [{corp: ["stock:write"]}]
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Level"}}}}
      responses: {"204": {description: It is set}}
`;

// The backend has the document of its API, too.
let backend: Backend;
let upstream = "";
let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  backend = await startBackend({ tells: { trace: "x-trace" }, gives: { "/stock.yaml": (url) => document.replace("UPSTREAM", url) } });
  upstream = backend.url;
  await person("maker", "admin");
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await signIn(page, "maker");
});

test.afterAll(() => { backend.close(); });

test.afterEach(() => {
  expect(complaints()).toEqual([]);
});

test("an API is made from the address of its OpenAPI document, with what it gets shown before it is saved", async () => {
  await open(page, "publisher/apis/new", "New API");
  await page.getByRole("textbox", { name: "OpenAPI document" }).fill(`${upstream}/nowhere.yaml`);
  await page.getByRole("button", { name: "Fetch" }).click();
  await expect(page.getByText(/is not an OpenAPI 3.0 or 3.1 document/)).toBeVisible();
  await page.getByRole("textbox", { name: "OpenAPI document" }).fill(`${upstream}/stock.yaml`);
  await page.getByRole("button", { name: "Fetch" }).click();
  await expect(page.getByRole("status").filter({ hasText: "2 operations in the document" })).toBeVisible();
  await expect(page.getByText("stock:write", { exact: true })).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Title" })).toHaveValue("Stock");
  await expect(page.getByRole("textbox", { name: "Production upstream" })).toHaveValue(upstream);
  await page.getByRole("textbox", { name: "Name" }).fill("levels-v1");
  await page.getByRole("textbox", { name: "Context" }).fill("/levels");
  await page.getByText("All key managers", { exact: true }).click();
  await page.getByRole("combobox", { name: "State" }).click();
  await page.getByRole("option", { name: "Published", exact: true }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").getByText("In force on the gateway")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1, name: "Stock", exact: true })).toBeVisible();
  await expect(page.getByText(`${world().gateway}/levels/v1`, { exact: true })).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 }).locator("..").getByText("In force on the gateway")).toBeVisible();
});

test("the version of a document is proposed as the version of an API that has no name yet", async () => {
  const proposed = async (version: string) => {
    await page.locator('input[type="file"]').setInputFiles({
      name: "x.yaml", mimeType: "application/yaml", buffer: Buffer.from(`openapi: 3.1.0\ninfo: {title: Counted, version: ${version}}\npaths: {/a: {get: {}}}\n`),
    });
    await expect(page.getByRole("textbox", { name: "Title" })).toHaveValue("Counted");
    return page.getByRole("textbox", { name: "Version" });
  };
  for (const [version, want] of [["2", "v2"], ["'2.1.0'", "v2"], ["V3.0-beta", "v3"], ["0.9.1", "v1"], ["'2026-01-31'", "v1"]] as const) {
    await open(page, "publisher/apis/new", "New API");
    await expect(await proposed(version)).toHaveValue(want);
    await expect(page.getByRole("textbox", { name: "Name" })).toHaveValue(`counted-${want}`);
  }
  await open(page, "publisher/apis/new", "New API");
  await page.getByRole("textbox", { name: "Name" }).fill("chosen-v1");
  await expect(await proposed("2.1.0")).toHaveValue("v1"); // whoever named it has thought of its version
});

test("where a gateway asks for less than the document, or for something else, it is said where the document is taken", async () => {
  await open(page, "publisher/apis/new", "New API");
  const weak = document
    .replace("UPSTREAM", upstream)
    .replace("securitySchemes:", "securitySchemes:\n    key: {type: apiKey, in: header, name: X-Key}")
    .replace('security: [{corp: ["stock:read"]}]', "security: [{key: []}]")
    .replace('security: [{corp: ["stock:write"]}]', 'security: [{}, {corp: ["stock:write"]}]');
  const file = page.locator('input[type="file"]');
  await file.setInputFiles({ name: "x.yaml", mimeType: "application/yaml", buffer: Buffer.from([...Buffer.from("openapi: 3.1.0\ninfo: {title: caf"), 0xe9]) });
  await expect(page.getByRole("alert").filter({ hasText: "The file is not UTF-8" })).toBeVisible();
  await file.setInputFiles({ name: "x.yaml", mimeType: "application/yaml", buffer: Buffer.from(weak) });
  const weaker = page.getByRole("status").filter({ hasText: "The gateway enforces less than the document asks for" });
  await expect(weaker).toContainText("The document asks for an API key (key), which no gateway looks at");
  await expect(weaker).toContainText("GET /levels/{sku}");
  await expect(page.getByRole("status").filter({ hasText: "Differences from the document" })).toContainText("makes the credential optional");
  await expect(page.getByText("The file is not UTF-8")).toHaveCount(0);
  await weaker.scrollIntoViewIfNeeded();
  await forEverybody(page, "api-findings");
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Discard changes" }).click();
});

test("developers read what each operation takes and gives; what a document says is text", async () => {
  await open(page, "developer/apis/levels-v1", "Stock");
  await expect(page.getByText("Levels of all sites. run")).toBeVisible();
  await expect(page.getByRole("link", { name: "run" })).toHaveCount(0); // what runs a script leads nowhere
  await page.getByRole("button", { name: /GET \/levels\/\{sku\} One level/ }).click();
  await expect(page.getByRole("cell", { name: "What is stored" })).toBeVisible();
  await expect(page.getByRole("link", { name: "more" })).toHaveAttribute("rel", /noopener/);
  await page.getByRole("button", { name: /PUT .* Set a level/ }).click();
  await expect(page.getByText('"sku": "A-7"').first()).toBeVisible();
  await forEverybody(page, "catalog-reference");
});

test("a call is tried out as an application, and its refusal explained", async () => {
  await apply(world(), [
    manifest("Application", "trier", { displayName: "Trier", owners: ["maker"] }),
    manifest("Subscription", "trier-levels", { application: "trier", api: "levels-v1" }),
  ]);
  await rest(world(), "POST", "/api/v1/applications/trier/keys", { keyManager: "resident", environment: "production" });
  await open(page, "developer/applications/trier", "Trier");
  await page.getByRole("link", { name: "Try levels-v1 with this key" }).click();
  const panel = page.getByRole("region", { name: /GET \/levels\/\{sku\}/ }); // the call is open, as the application with its key
  await expect(panel.getByRole("combobox", { name: "Application" })).toHaveValue(/trier/i);
  await expect(panel.getByRole("combobox", { name: "Key manager" })).toHaveValue("resident");
  await panel.getByRole("textbox", { name: "sku" }).fill("A 7/b");
  await panel.getByRole("textbox", { name: "at" }).fill("hall & yard");
  await panel.getByRole("textbox", { name: "Headers" }).fill("X-Trace: abc");
  await panel.getByRole("button", { name: "Send request" }).click();
  const answer = panel.getByRole("status", { name: "Response" });
  await expect(answer).toContainText("400"); // a slash inside a segment is ambiguous, and the gateway says so
  await panel.getByRole("textbox", { name: "sku" }).fill("A 7");
  await panel.getByRole("button", { name: "Send request" }).click();
  await expect(answer).toContainText('"path": "/levels/A%207?at=hall+%26+yard"');
  await expect(answer).toContainText('"trace": "abc"');
  await expect(answer).toContainText("curl -i");
  await panel.getByRole("textbox", { name: "Headers" }).fill("nonsense");
  await panel.getByRole("button", { name: "Send request" }).click();
  await expect(panel.getByText("nonsense is not a header: write Name: value")).toBeVisible();
  await panel.getByRole("textbox", { name: "Headers" }).fill("");
  await panel.getByText("without a token", { exact: true }).click();
  await panel.getByRole("button", { name: "Send request" }).click();
  await expect(answer).toContainText("401");
  await answer.getByRole("link", { name: /See the steps/ }).click();
  await expect(page.getByText("401 missing_credentials")).toBeVisible();
});

test("a publisher sees what became of an API's calls, and why its backend gave no answer", async ({ browser }) => {
  await apply(world(), [
    manifest("API", "stopped", {
      title: "Stopped", context: "/stopped", version: "v1", upstream: { production: "http://127.0.0.1:1" }, keyManagers: "all",
      operations: [{ method: "GET", path: "/state", security: "none" }],
    }),
  ]);
  await person("outpub", "publisher");
  const own = await (await browser.newContext()).newPage();
  const heard = complaintsOf(own);
  await signIn(own, "outpub");
  await own.goto(`${world().url}/console/default/publisher/apis/stopped`);
  await own.getByRole("button", { name: /GET \/state/ }).click();
  await own.getByRole("button", { name: "Try it out" }).click();
  await own.setViewportSize({ width: 390, height: 844 });
  const cut = () => own.getByRole("radiogroup", { name: "Call it" }).locator("label").evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth || one.getBoundingClientRect().right > 390).length);
  await expect.poll(cut).toBe(0); // on a phone too every choice is read whole
  await own.setViewportSize({ width: 1280, height: 860 });
  await own.getByRole("button", { name: "Send request" }).click();
  await own.getByRole("link", { name: "See the steps of this decision" }).click();
  const because = async () => {
    await expect(own.getByRole("status").filter({ hasText: "502 upstream_unreachable" })).toContainText("the backend gave no answer");
    const last = own.getByRole("list", { name: "Steps" }).getByRole("listitem").last();
    await expect(last).toContainText("connection refused by 127.0.0.1:1");
    await expect(last).toContainText("correct Production upstream");
    const failed = own.getByRole("region", { name: "Where it failed" });
    await expect(failed).toContainText("connection refused by 127.0.0.1:1");
    await expect(failed).toContainText("correct Production upstream");
    await expect(failed).toBeInViewport();
  };
  await because();
  await own.goBack();
  await own.getByRole("table", { name: "Calls" }).getByRole("link", { name: "upstream_unreachable" }).click();
  await because();
  await forEverybody(own);
  await own.goBack();
  await own.getByRole("link", { name: "All decisions about it" }).click();
  await expect(own.getByRole("heading", { level: 1, name: "Decisions" })).toBeVisible();
  await expect(own.getByRole("combobox", { name: "API" }).or(own.getByRole("textbox", { name: "API" })).first()).toHaveValue("stopped");
  await expect(own.getByRole("columnheader", { name: "Gateway" })).toHaveCount(0);
  await expect(own.getByRole("link", { name: "upstream_unreachable" })).toHaveCount(1);
  expect(heard()).toEqual([]);
  await own.context().close();
});

test("an application's developers see what was refused lately, and why in safe words", async () => {
  const made = (await rest(world(), "POST", "/api/v1/applications/trier/keys/token", { keyManager: "resident", environment: "production", scopes: ["stock:read"] })) as { access_token: string };
  for (let i = 0; i < 3; i++) {
    const refused = await page.request.put(`${world().gateway}/levels/v1/levels/A-7`, { headers: { Authorization: `Bearer ${made.access_token}` } });
    expect(refused.status()).toBe(403);
  }
  await open(page, "developer/applications/trier/calls", "Trier");
  const row = page.getByRole("row").filter({ hasText: "insufficient_scope" });
  await expect(row).toHaveCount(1); // what a program does wrong over and over does not hide the rest
  await expect(row).toContainText("PUT levels-v1 /levels/{sku}");
  await expect(row).toContainText("Ask for a token with the scope");
  await expect(row.getByRole("cell").last()).toHaveText(/^[3-9]$/);
  await expect(page.getByRole("row").filter({ hasText: "passed" })).toHaveCount(0);
  await forEverybody(page, "application-calls");
  await page.getByRole("switch", { name: "Refused only" }).click();
  await expect(page.getByRole("row").filter({ hasText: "passed" }).first()).toBeVisible();
  await row.first().getByRole("link").click();
  await expect(page.getByText("403 insufficient_scope")).toBeVisible();
});

test("the next version of an API begins as a draft, and both know of each other", async () => {
  await open(page, "publisher/apis/levels-v1", "Stock");
  await page.getByRole("link", { name: "New version" }).click();
  await expect(page.getByRole("textbox", { name: "Name" })).toHaveValue("levels-v2");
  await expect(page.getByRole("textbox", { name: "Version" })).toHaveValue("v2");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(`${world().gateway}/levels/v2`, { exact: true })).toBeVisible();
  await page.getByRole("link", { name: "v1", exact: true }).click();
  await expect(page.getByText(`${world().gateway}/levels/v1`, { exact: true })).toBeVisible();
});

test("another version becomes the default in one step, and back again", async () => {
  const called = async () => ((await (await page.request.get(`${world().gateway}/moved/ping`)).json()) as { path?: string }).path;
  const version = (v: string, more = {}) => manifest("API", `moved-${v}`, {
    title: `Moved ${v}`, context: "/moved", version: v, upstream: { production: `${upstream}/${v}` }, keyManagers: "all",
    operations: [{ method: "GET", path: "/ping", security: "none" }], ...more,
  });
  await apply(world(), [version("v1", { default: true }), version("v2"), version("v3", { state: "draft" })]);
  await expect.poll(called).toBe("/v1/ping");
  await open(page, "publisher/apis/moved-v3", "Moved v3");
  await expect(page.getByText("No, v1 is", { exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: "Make default" })).toHaveCount(0); // no gateway has it
  await open(page, "publisher/apis/moved-v2/edit", "Edit moved-v2");
  await expect(page.getByText("v1 is the default version now.", { exact: false })).toBeVisible();
  await expect(page.getByRole("switch", { name: "Default version" })).toBeDisabled();
  await open(page, "publisher/apis/moved-v2", "Moved v2");
  await page.getByRole("button", { name: "Make default" }).click();
  const dialog = page.getByRole("dialog", { name: "Make v2 the default version of /moved?" });
  await expect(dialog).toContainText("go to v2 instead of v1");
  await forEverybody(page, "api-default");
  await dialog.getByRole("button", { name: "Make default" }).click();
  await page.getByText("v2 is the default version of /moved").locator("..").getByRole("button", { name: "Undo" }).click(); // it is there for a while
  await expect(page.getByText("No, v1 is", { exact: true })).toBeVisible();
  await expect.poll(called).toBe("/v1/ping");
  await page.getByRole("button", { name: "Make default" }).click();
  await dialog.getByRole("button", { name: "Make default" }).click();
  await expect(page.getByText("Yes: calls to /moved/… without a version come here")).toBeVisible();
  await expect.poll(called).toBe("/v2/ping");
});

test("an API is deprecated, retired and put back from its page, after it was said what that means to its callers", async () => {
  await open(page, "publisher/apis/levels-v1", "Stock");
  await page.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("dialog").getByText(/retire it under Change state/)).toBeVisible(); // it has a subscriber
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  const change = async (action: string) => {
    await page.getByRole("button", { name: "Change state" }).click();
    await page.getByRole("menuitem", { name: action }).click();
  };
  const dialog = page.getByRole("dialog");
  await change("Deprecate");
  await expect(dialog).toContainText("can still call it");
  await dialog.getByRole("button", { name: "Deprecate" }).click();
  await expect(page.getByText("levels-v1 is deprecated")).toBeVisible();
  await expect(page.getByText("deprecated", { exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: "Change state" })).toBeFocused();
  await change("Retire");
  await expect(dialog.getByText(/calls are answered with 404/)).toBeVisible();
  await expect(dialog).toContainText("1 application is subscribed");
  await forEverybody(page, "api-retire");
  await dialog.getByRole("textbox", { name: /Type levels-v1/ }).fill("levels-v1");
  await dialog.getByRole("button", { name: "Retire" }).click();
  await expect(page.getByText("retired", { exact: true })).toBeVisible();
  await expect.poll(async () => (await page.request.get(`${world().gateway}/levels/v1/levels/A-7`)).status()).toBe(404);
  await page.getByText("levels-v1 is retired").locator("..").getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("deprecated", { exact: true })).toBeVisible();
  await expect.poll(async () => (await page.request.get(`${world().gateway}/levels/v1/levels/A-7`)).status()).toBe(401);
  await open(page, "developer/apis/levels-v1", "Stock");
  await expect(page.getByRole("status").filter({ hasText: "This API is deprecated" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Subscribe an application" })).toHaveCount(0);
});
