import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, test, type BrowserContext, type Page } from "@playwright/test";

import { complaintsOf, forEverybody, open, person, signIn } from "./browser";
import { apply, manifest, rest, world } from "./start";

// An authorization server with dynamic client registration (RFC 7591) that does as it is told: it registers at once, refuses
// with words of its own, or takes its time until it is let go.
class Registrar {
  refusal: string | undefined;
  slow = false;
  /** The client is made, and nobody is told: the connection ends before the answer. */
  silent = false;
  readonly clients = new Map<string, string>();
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
      this.clients.delete(path.slice("/register/".length));
      response.writeHead(204).end();
    } else if (method === "POST" && path === "/register") {
      const made = () => {
        if (this.refusal) { say(403, { error: "access_denied", error_description: this.refusal }); return; }
        const id = `client-${this.clients.size + 1}`;
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
  await context.close();
  await rest(world(), "DELETE", "/api/v1/applications/holding?withKeys=true");
  await expect.poll(() => rest(world(), "GET", "/api/v1/applications/holding").then(() => "there", () => "gone")).toBe("gone");
  await rest(world(), "DELETE", "/api/v1/key-managers/moody");
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

test("a try of which nobody knows the outcome stays beside the key of the next one, until somebody looked for it", async () => {
  server.silent = true;
  await open(page, "developer/applications/losing?key-manager=moody", "Losing");
  await page.getByRole("button", { name: "Generate keys" }).click();
  const failed = page.getByRole("status").filter({ hasText: "This failed" });
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
  await expect(page.getByText("losing is out of use and is deleted once the key managers have deleted its keys")).toBeVisible();
  await expect(page.getByRole("row").filter({ hasText: "Losing" })).toContainText("being deleted");
  await open(page, "developer/applications/losing?key-manager=moody", "Losing");
  await expect(page.getByRole("status").filter({ hasText: "This application is being deleted" })).toContainText("Requested by keyholder");
  await page.getByRole("button", { name: "I have looked: dismiss" }).click();
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
