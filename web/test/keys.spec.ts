import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, type BrowserContext, type Page } from "@playwright/test";

import { complaintsOf, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, test, world } from "./start";

// An authorization server with dynamic client registration (RFC 7591) that does as it is told: it registers at once, refuses
// with words of its own, or takes its time until it is let go.
class Registrar {
  refusal: string | undefined;
  slow = false;
  /** The client is made, and nobody is told: the connection ends before the answer. */
  silent = false;
  readonly clients = new Map<string, string>();
  private made = 0; // no client ID is given twice
  private readonly held: (() => void)[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      request.resume();
      request.on("end", () => { this.answer(request.method ?? "", request.url ?? "", response); });
    });
  }

  async listen(): Promise<void> { await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done)); }
  close(): void { this.server.close(); this.server.closeAllConnections(); }
  get issuer(): string { return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`; }
  get waiting(): number { return this.held.length; }
  go(): void { this.held.splice(0).forEach((answer) => { answer(); }); }

  private answer(method: string, path: string, response: ServerResponse): void {
    const say = (status: number, body: unknown) => {
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (path === "/.well-known/openid-configuration") {
      say(200, { issuer: this.issuer, jwks_uri: `${this.issuer}/keys`, token_endpoint: `${this.issuer}/token`, registration_endpoint: `${this.issuer}/register` });
    } else if (path === "/keys") {
      say(200, { keys: [] });
    } else if (method === "DELETE") {
      const gone = () => {
        this.clients.delete(path.slice("/register/".length));
        response.writeHead(204).end();
      };
      if (this.slow) this.held.push(gone);
      else gone();
    } else if (method === "POST" && path === "/register") {
      const made = () => {
        if (this.refusal) { say(403, { error: "access_denied", error_description: this.refusal }); return; }
        const id = `client-${++this.made}`;
        this.clients.set(id, `a secret of ${id}`);
        if (this.silent) { response.destroy(); return; }
        say(201, { client_id: id, client_secret: this.clients.get(id), client_secret_expires_at: 0, registration_client_uri: `${this.issuer}/register/${id}`, registration_access_token: `token of ${id}` });
      };
      if (this.slow) this.held.push(made);
      else made();
    } else {
      say(404, { error: "not_found" });
    }
  }
}

const server = new Registrar();
let context: BrowserContext;
let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  await server.listen();
  await person("keyholder", "developer");
  await apply(world(), [
    manifest("KeyManager", "moody", { type: "oidc", displayName: "Moody", discovery: server.issuer, connection: { initialAccessToken: "initial" } }),
    manifest("Application", "holding", { displayName: "Holding", owners: ["keyholder"] }),
    manifest("Application", "losing", { displayName: "Losing", owners: ["keyholder"] }),
    manifest("Subscription", "holding-orders", { application: "holding", api: "orders", plan: "gold" }),
  ]);
  context = await browser.newContext();
  page = await context.newPage();
  complaints = complaintsOf(page);
  await signIn(page, "keyholder");
});

test.afterAll(async () => {
  await rest(world(), "DELETE", "/api/v1/applications/holding?withKeys=true");
  await expect.poll(() => rest(world(), "GET", "/api/v1/applications/holding").then(() => "there", () => "gone")).toBe("gone");
  server.close();
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

const here = (environment = "production") => open(page, `developer/applications/holding?key-manager=moody&environment=${environment}`, "Holding");

test("a key that its server refuses shows the server's own words, and is tried again or forgotten", async () => {
  server.refusal = "the limit of 50 clients is reached";
  await here();
  await page.getByRole("button", { name: "Generate keys" }).click();
  const failed = page.getByRole("status").filter({ hasText: "This failed" });
  await expect(failed).toContainText("the limit of 50 clients is reached");
  await expect(page.getByRole("button", { name: "Delete", exact: true })).toHaveCount(0); // there is nothing to delete yet
  await forEverybody(page, "application-key-failed");
  await failed.getByRole("button", { name: "Dismiss" }).click();
  await page.getByRole("button", { name: "Generate keys" }).click();
  await expect(failed).toBeVisible();
  server.refusal = undefined;
  await failed.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByTestId("client-secret")).toHaveText("a secret of client-1");
});

test("a browser that was closed while a key was made finds it, and has its secret once", async () => {
  server.slow = true;
  await here("sandbox");
  await page.getByRole("button", { name: "Generate keys" }).click();
  await expect.poll(() => server.waiting).toBe(1);
  await page.close();
  page = await context.newPage();
  complaints = complaintsOf(page);
  await here("sandbox");
  await expect(page.getByText("creating", { exact: true })).toBeVisible();
  await expect(page.getByText("to be created by Keyward")).toBeVisible();
  server.slow = false;
  server.go();
  await expect(page.getByText("active", { exact: true })).toBeVisible(); // by itself
  const again = page.getByRole("status").filter({ hasText: "You can reveal the secret once more" });
  await forEverybody(page, "application-key-lost");
  await again.getByRole("button", { name: "Reveal the secret" }).click();
  await expect(page.getByTestId("client-secret")).toHaveText("a secret of client-2");
  await page.reload();
  await expect(page.getByText("active", { exact: true })).toBeVisible();
  await expect(again).toHaveCount(0);
});

test("a key is out of use before its server has deleted it, and makes way for a new one by itself", async () => {
  await here("sandbox");
  server.slow = true;
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox").fill("holding");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  const ending = page.getByRole("status").filter({ hasText: "Out of use. Waiting for its server" });
  await expect(ending).toBeVisible();
  await expect(dialog).toBeHidden(); // nobody waits for the server
  await forEverybody(page, "application-key-deleting");
  server.slow = false;
  server.go();
  await expect(page.getByRole("button", { name: "Generate keys" })).toBeVisible();
  await expect(page.getByText("already")).toHaveCount(0);
  await expect(page.getByText("offers no way to change a client's secret")).toBeVisible(); // said before there is a key
});

test("a key that was revoked stays listed until the next one takes its place", async () => {
  await here("sandbox");
  await page.getByRole("button", { name: "Generate keys" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Revoke" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox").fill("holding");
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await expect(page.getByText("revoked", { exact: true })).toBeVisible();
  await expect(page.getByText("You can reveal the secret once more")).toHaveCount(0); // it opens nothing
  await page.getByRole("button", { name: "Generate keys" }).click();
  await expect(page.getByTestId("client-secret")).toBeVisible();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByText("active", { exact: true })).toBeVisible();
  await rest(world(), "POST", "/api/v1/applications/holding/keys/delete", { keyManager: "moody", environment: "sandbox" });
});

test("a subscription is asked for, rejected with a reason, asked for again, withdrawn and granted", async ({ browser }) => {
  await person("decider", "publisher");
  const other = await (await browser.newContext()).newPage();
  await signIn(other, "decider");
  await open(page, "developer/applications/losing/subscriptions", "Losing");
  const ask = async () => {
    await page.getByRole("combobox", { name: "Subscribe to" }).click();
    await page.getByRole("option", { name: "Orders", exact: true }).click();
    await page.getByRole("combobox", { name: "Plan" }).click();
    await page.getByRole("option", { name: "platinum" }).click();
    await page.getByRole("button", { name: "Subscribe", exact: true }).click();
  };
  await ask();
  const row = page.getByRole("row").filter({ hasText: "orders" });
  await expect(row).toContainText("A publisher has to approve it");
  await open(other, "publisher/requests", "Subscription requests");
  const request = other.getByRole("row").filter({ hasText: "losing" });
  await request.getByRole("button", { name: "Reject" }).click();
  await other.getByRole("dialog").getByRole("textbox").fill("Say first what for.");
  await other.getByRole("dialog").getByRole("button", { name: "Reject" }).click();
  await expect(row).toContainText("Say first what for."); // by itself
  await expect(row).toContainText("by decider");
  await forEverybody(page, "subscription-rejected");
  const written: string[] = [];
  page.on("request", (r) => { if (r.method() !== "GET") written.push(`${r.method()} ${new URL(r.url()).pathname}`); });
  await row.getByRole("button", { name: "Ask again" }).click();
  await expect(row).toContainText("A publisher has to approve it");
  expect(written).toEqual(["POST /api/v1/subscriptions/losing-orders/ask-again"]); // one step: nothing is lost halfway
  await row.getByRole("button", { name: "Withdraw the request for orders" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Withdraw the request" }).click();
  await expect(page.getByText("No subscriptions yet")).toBeVisible();
  await expect(request).toHaveCount(0);
  await ask();
  await request.getByRole("button", { name: "Approve" }).click();
  await expect(row.getByText("active", { exact: true })).toBeVisible();
  await other.context().close();
  await page.getByRole("link", { name: "Get a key" }).click();
  await expect(page.getByRole("button", { name: "Generate keys" })).toBeVisible();
  await rest(world(), "DELETE", "/api/v1/subscriptions/losing-orders");
});

test("a key that wants an approval tells who decides what they need, and has its secret once", async ({ browser }) => {
  await person("warden", "admin");
  const other = await (await browser.newContext()).newPage();
  await signIn(other, "warden");
  const manual = (approval: string) => apply(world(), [manifest("KeyManager", "moody", {
    type: "oidc", displayName: "Moody", discovery: server.issuer, connection: { initialAccessToken: "initial" }, clients: { approval, grantTypes: ["client_credentials", "authorization_code"] },
  })]);
  await manual("manual");
  await here("sandbox");
  await expect(page.getByText("An administrator has to approve it.")).toBeVisible();
  await page.getByRole("combobox", { name: "Grant types" }).click({ force: true });
  await page.getByRole("option", { name: "authorization_code", exact: true }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("combobox", { name: "Redirect URIs" }).fill("https://elsewhere.example/back");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Request keys" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByText("Last used")).toHaveCount(0); // there is nothing yet that could be
  await open(other, "admin/approvals", "Approvals");
  const request = other.getByRole("row").filter({ hasText: "holding" });
  await expect(request).toContainText("Redirect URIs https://elsewhere.example/back");
  await request.getByRole("button", { name: "Reject" }).click();
  await other.getByRole("dialog").getByRole("textbox").fill("That host is not ours.");
  const [sent] = await Promise.all([
    other.waitForRequest((r) => r.url().includes("/keys/reject")),
    other.getByRole("dialog").getByRole("button", { name: "Reject" }).click(),
  ]);
  expect(Object.keys(sent.postDataJSON() as object)).toContain("request"); // what was asked for instead meanwhile is left alone
  const rejected = page.getByRole("status").filter({ hasText: "An administrator did not approve it" });
  await expect(rejected).toContainText("rejected by warden: That host is not ours."); // by itself
  await expect(page.getByText("Nothing was created at the server")).toHaveCount(0); // it was never asked
  await rejected.getByRole("button", { name: "Ask again" }).click();
  await expect(page.getByText("awaiting approval", { exact: true })).toBeVisible();
  await request.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("button", { name: "Reveal the secret" }).click();
  await expect(page.getByTestId("client-secret")).toContainText("a secret of");
  await expect(page.getByText("It is not shown again.")).toBeVisible();
  await other.context().close();
  await manual("auto");
});

test("a try of which nobody knows the outcome stays beside the key of the next one, until somebody looked for it", async () => {
  server.silent = true;
  await open(page, "developer/applications/losing?key-manager=moody", "Losing");
  await page.getByRole("button", { name: "Generate keys" }).click();
  const failed = page.getByRole("status").filter({ hasText: "It is not known whether this worked" });
  await expect(failed).toContainText("outcome unknown");
  server.silent = false;
  await failed.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByTestId("client-secret")).toBeVisible();
  await expect(page.getByText("active", { exact: true })).toBeVisible(); // and the secret stays to be copied
  await expect(page.getByTestId("client-secret")).toBeVisible();
  await page.reload();
  await expect(page.getByText("active", { exact: true })).toBeVisible();
  await expect(page.getByText("Created", { exact: true })).toBeVisible();
  await expect(page.getByText("offers no way to change a client's secret")).toBeVisible();
  await expect(page.getByRole("button", { name: "Rotate secret" })).toHaveCount(0);
  const lost = page.getByRole("status").filter({ hasText: "An earlier attempt may have left a client behind" });
  await expect(lost.getByText(/^keyward-/)).toBeVisible();
  await forEverybody(page);
  // What may be left at a server holds an application that is deleted, and it says so.
  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Delete the application" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: /Type losing/ }).fill("losing");
  await dialog.getByRole("button", { name: "Delete the application" }).click();
  const going = page.getByRole("status").filter({ hasText: "This application is being deleted" });
  await expect(going).toContainText("Requested by keyholder");
  await expect(page.getByRole("tab", { name: "Settings" })).toHaveCount(0); // nothing of it can be changed any more
  await open(page, "developer/applications", "Applications");
  await expect(page.getByRole("row").filter({ hasText: "Losing" })).toContainText("being deleted");
  await open(page, "developer/applications/losing/settings", "Losing");
  await going.getByRole("link", { name: "Key still at moody, production" }).first().click();
  await expect(page.getByRole("tab", { name: "Moody" })).toHaveAttribute("aria-selected", "true");
  await page.getByRole("button", { name: "I have looked: dismiss" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Applications" })).toBeVisible(); // by itself
  await expect.poll(() => rest(world(), "GET", "/api/v1/applications/losing").then(() => "there", () => "gone")).toBe("gone");
});

test("where a key manager is held nothing is offered that would be refused", async () => {
  await here();
  await expect(page.getByRole("button", { name: "Get a test token" })).toBeVisible();
  await rest(world(), "POST", "/api/v1/key-managers/moody/hold", { reason: "not for developers to know" });
  await page.reload();
  await expect(page.getByRole("alert").filter({ hasText: "Moody is held" })).toBeVisible();
  await expect(page.getByText("not for developers to know")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Get a test token" })).toHaveCount(0);
  await expect(page.getByRole("heading", { name: "Use this key" })).toHaveCount(0);
  await rest(world(), "POST", "/api/v1/key-managers/moody/unhold", {});
});

test("tabs of key managers stay where they are while keys come and go", async () => {
  await apply(world(), [manifest("Application", "staying", { displayName: "Staying", owners: ["keyholder"] })]);
  await open(page, "developer/applications/staying?environment=sandbox", "Staying");
  const managers = page.getByRole("tabpanel", { name: "Keys" }).getByRole("tablist").first();
  const tabs = managers.getByRole("tab");
  const names = async () => (await tabs.allTextContents()).map((text) => text.replace("●", ""));
  await expect(tabs.last()).toBeVisible();
  const before = await names();
  expect(before.length).toBeGreaterThan(1);
  const selected = managers.getByRole("tab", { selected: true });
  const choose = async (name: string) => {
    await managers.getByRole("tab", { name }).click();
    await expect(selected).toContainText(name); // until then the page still shows what another one offers
  };
  for (const name of ["resident", "Moody"]) {
    await choose(name);
    await page.getByRole("button", { name: "Generate keys" }).click();
    await page.getByRole("button", { name: "Done" }).click();
    await expect(page.getByText("created by Keyward")).toBeVisible();
    expect(await names()).toEqual(before);
  }
  for (const tab of ["Subscriptions", "Calls"]) await page.getByRole("tab", { name: tab }).click();
  await page.getByRole("switch", { name: "Refused only" }).click();
  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(selected).toContainText("Moody"); // where this began, not where there is a key first
  await expect(page.getByRole("radio", { name: "Sandbox" })).toBeChecked();
  for (const name of ["Moody", "resident"]) {
    await choose(name);
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill(((await dialog.getByText(/Type .* to confirm/).textContent()) ?? "").replace(/^Type (.*) to confirm$/, "$1"));
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await expect(page.getByRole("button", { name: "Generate keys" })).toBeVisible();
    await expect(selected).toContainText(name);
    expect(await names()).toEqual(before);
  }
  await rest(world(), "DELETE", "/api/v1/applications/staying");
});

test("who changes an application twice in a row, or comes back to it later, changes what is stored then", async () => {
  await apply(world(), [manifest("Application", "changing", { displayName: "Changing", owners: ["keyholder"] })]);
  await open(page, "developer/applications/changing", "Changing");
  for (const name of ["Changed once", "Changed twice"]) {
    await page.getByRole("tab", { name: "Settings" }).click();
    await page.getByLabel("Display name").fill(name);
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("heading", { level: 1, name, exact: true })).toBeVisible();
  }
  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Remove keyholder" }).or(page.locator(".mantine-Pill-remove")).first().click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "User keyholder has to be in" })).toBeVisible();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Discard changes" }).click();
  await rest(world(), "DELETE", "/api/v1/applications/changing");
});

test("requests are listed by pages", async ({ browser }) => {
  const token = ((await rest(world(), "POST", "/api/v1/tokens", { user: "keyholder" })) as { token: string }).token;
  const names = Array.from({ length: 51 }, (_, i) => `many-${String(i).padStart(2, "0")}`);
  await apply({ ...world(), token }, names.flatMap((name) => [
    manifest("Application", name, { owners: ["keyholder"] }),
    manifest("Subscription", name, { application: name, api: "orders", plan: "platinum" }),
  ]));
  await person("pager", "publisher");
  const other = await (await browser.newContext()).newPage();
  await signIn(other, "pager");
  await open(other, "publisher/requests", "Subscription requests");
  await expect(other.getByText("First 50", { exact: true })).toBeVisible();
  await expect(other.getByRole("cell", { name: "many-50" })).toHaveCount(0);
  await other.getByRole("button", { name: "Show more" }).click();
  await expect(other.getByRole("cell", { name: "many-50" }).first()).toBeVisible();
  await expect(other.getByText("51 entries")).toBeVisible();
  await other.setViewportSize({ width: 390, height: 844 }); // whoever decides on a phone needs all of it
  const row = other.getByRole("row").filter({ hasText: "many-00" });
  for (const what of ["orders", "platinum", "keyholder"]) await expect(row.getByText(what, { exact: true }).filter({ visible: true })).toBeVisible();
  await row.scrollIntoViewIfNeeded();
  await expect(row.getByRole("button", { name: "Approve" })).toBeInViewport();
  await other.context().close();
  for (const name of names) await rest(world(), "DELETE", `/api/v1/applications/${name}?withKeys=true`);
});

test("an application of others is refused in plain words", async () => {
  await open(page, "developer/applications/shop", "You cannot open this");
  await expect(page.getByText("User keyholder may not read Application shop")).toBeVisible();
  await forEverybody(page);
  complaints(); // the browser tells of the refusal
});
