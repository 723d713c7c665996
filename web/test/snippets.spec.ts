import { spawn } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, type Locator, type Page } from "@playwright/test";

import { startBackend, type Backend } from "./backend";
import { complaintsOf, open, password, person, signIn } from "./browser";
import { startKeycloak, type Realm } from "./keycloak";
import { apply, manifest, rest, test, world } from "./start";

// What people may have in a name: everything that a shell, a language or a form could misread.
const oddClient = "it's \"a\" $HOME client: 100% & more";
const oddSigner = "it's \"a\" $HOME signer: 100% & \\n `id`";
const oddSecret = "p$a'ss\"w+rd %41 `id` \\n: é";
const oddPart = "it's \"5\" $HOME ü & 100%";

const languages = ["curl", "Go", "JavaScript", "Python"] as const;
type Language = (typeof languages)[number];

let realm: Realm;
let backend: Backend;
let upstream = "";
let folder: string;
let page: Page;
let complaints: () => string[];

test.describe.configure({ mode: "serial" });

test.beforeAll(async ({ browser }) => {
  folder = mkdtempSync(join(tmpdir(), "keyward-snippets-"));
  backend = await startBackend({ tells: { odd: "x-odd" } });
  upstream = backend.url;
  const machine = { publicClient: false, serviceAccountsEnabled: true, standardFlowEnabled: false };
  realm = await startKeycloak({
    realm: `snippets-${process.pid}`,
    users: [{
      username: "visitor", firstName: "Vi", lastName: "Lee", email: "visitor@corp.example", emailVerified: true, enabled: true,
      credentials: [{ type: "password", value: password, temporary: false }],
    }],
    clients: [
      { clientId: oddClient, secret: oddSecret, ...machine },
      { clientId: oddSigner, clientAuthenticatorType: "client-jwt", attributes: { "use.jwks.string": "true" }, ...machine },
    ],
  });
  const { token } = (await realm.admin("POST", "/clients-initial-access", { count: 20 })) as { token: string };
  await person("coder", "admin");
  await apply(world(), [
    manifest("KeyManager", "snipcloak", { type: "keycloak", displayName: "Keycloak", discovery: realm.issuer, connection: { initialAccessToken: token } }),
    manifest("API", "snippets", {
      title: "Snippets", context: "/snippets", version: "v1", upstream: { production: upstream, sandbox: upstream }, keyManagers: "all",
      operations: [
        { method: "GET", path: "/any" },
        { method: "GET", path: "/größen/{name}", scopes: ["it's:$read"] },
        { method: "PUT", path: "/größen/{name}", scopes: ["it's:$read"] },
        { method: "HEAD", path: "/größen/{name}", security: "none" },
      ],
    }),
    manifest("Application", "coding", { displayName: "Coding", owners: ["coder"] }),
    manifest("Subscription", "coding-snippets", { application: "coding", api: "snippets" }),
  ]);
  page = await (await browser.newContext()).newPage();
  complaints = complaintsOf(page);
  await signIn(page, "coder");
});

test.afterAll(async () => {
  backend.close();
  rmSync(folder, { recursive: true, force: true });
  await rest(world(), "DELETE", "/api/v1/applications/coding?withKeys=true");
  await expect.poll(() => rest(world(), "GET", "/api/v1/applications/coding").then(() => "there", () => "gone")).toBe("gone");
  await realm.end();
});

test.afterEach(() => { expect(complaints()).toEqual([]); });

/** Runs a snippet as it is pasted: sh reads it from the terminal, others as a file. answer is told what it prints to people. */
async function run(language: Language, code: string, environment: Record<string, string>, answer?: (said: string) => Promise<string>): Promise<string> {
  const [command, name] = { curl: ["sh", ""], Go: ["go", "main.go"], JavaScript: ["node", "main.js"], Python: ["python3", "main.py"] }[language] as [string, string];
  if (name) writeFileSync(join(folder, name), code);
  const child = spawn(command, language === "Go" ? ["run", name] : name ? [name] : [], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, GOFLAGS: "-mod=mod", GOCACHE: process.env.GOCACHE, PYENV_VERSION: process.env.PYENV_VERSION, ...environment },
  });
  if (!name) child.stdin.write(`${code}\n`);
  const [out, said]: [string[], string[]] = [[], []];
  child.stdout.on("data", (text: Buffer) => out.push(text.toString()));
  let answered = answer === undefined;
  child.stderr.on("data", (text: Buffer) => {
    said.push(text.toString());
    const address = /^(http\S+)\n/m.exec(said.join(""))?.[1];
    if (answered || address === undefined) return;
    answered = true;
    void answer?.(address).then((line) => { child.stdin.end(`${line}\n`); });
  });
  if (answer === undefined) child.stdin.end();
  const code_ = await new Promise<number | null>((done) => child.once("close", done));
  if (code_ !== 0) throw new Error(`${language} ended with ${code_}:\n${said.join("")}\n${out.join("")}\n${code}`);
  return out.join("");
}

/** The code of each language in a set of tabs. */
async function codeIn(tabs: Locator): Promise<[Language, string][]> {
  const found: [Language, string][] = [];
  for (const language of languages) {
    await tabs.getByRole("tab", { name: language, exact: true }).click();
    found.push([language, (await tabs.locator(`[aria-label="${language}"]`).textContent()) ?? ""]);
  }
  return found;
}

/** Every language's snippet is run; the token that it prints opens the API. */
async function works(within: Locator, environment: Record<string, string>, answer?: (address: string) => Promise<string>): Promise<string> {
  let last = "";
  for (const [language, code] of await codeIn(within)) {
    await test.step(language, async () => {
      const printed = (await run(language, code, environment, answer)).trim();
      last = language === "curl" ? (JSON.parse(printed) as { access_token: string }).access_token : printed;
      const passed = await page.request.get(`${world().gateway}/snippets/v1/any`, { headers: { Authorization: `Bearer ${last}` } });
      expect(passed.status(), await passed.text()).toBe(200);
    });
  }
  return last;
}

const keys = (keyManager: string, environment = "production") => open(page, `developer/applications/coding?key-manager=${keyManager}&environment=${environment}`, "Coding");
const section = () => page.locator("section").filter({ has: page.getByRole("heading", { name: "Use this key" }) });

/** Fills in the form that generates keys, and gives the secret that is shown, if there is one. */
async function generate(more: { grants?: string; callback?: string; authentication?: string }): Promise<string> {
  if (more.grants) {
    await page.getByRole("combobox", { name: "Grant types" }).click({ force: true }); // its frame takes the click
    await page.getByRole("option", { name: more.grants, exact: true }).click();
    await page.keyboard.press("Escape");
  }
  if (more.callback) {
    await page.getByRole("combobox", { name: "Redirect URIs" }).fill(more.callback);
    await page.keyboard.press("Enter");
  }
  if (more.authentication) {
    await page.getByRole("button", { name: "More settings" }).click();
    await page.getByRole("combobox", { name: "Client authentication" }).click();
    await page.getByRole("option", { name: more.authentication }).click();
  }
  await page.getByRole("button", { name: "Generate keys" }).click();
  await expect(page.getByRole("button", { name: "Done" })).toBeVisible();
  const secret = page.getByTestId("client-secret");
  return (await secret.isVisible()) ? ((await secret.textContent()) ?? "") : "";
}

async function remove(): Promise<void> {
  await page.getByRole("button", { name: /^(Delete|Unmap)$/ }).click();
  const dialog = page.getByRole("dialog");
  const label = (await dialog.getByText(/Type .* to confirm/).textContent()) ?? "";
  await dialog.getByRole("textbox").fill(label.replace(/^Type (.*) to confirm$/, "$1"));
  await dialog.getByRole("button", { name: /^(Delete|Unmap)$/ }).click();
  await expect(page.getByText("How to get a key").or(page.getByRole("radiogroup", { name: "How to get a key" }))).toBeVisible();
}

test("a program's token from the resident server, its secret in the header", async () => {
  await keys("resident");
  const secret = await generate({});
  await works(page.getByRole("status").filter({ has: page.getByTestId("client-secret") }), {}); // the secret is in the code
  await page.getByRole("button", { name: "Done" }).click();
  await section().getByRole("combobox", { name: "Scopes to request" }).fill("it's:$read");
  await page.keyboard.press("Enter");
  await works(section(), { CLIENT_SECRET: secret });
});

test("a call that was tried out, with everything in it that could be misread", async () => {
  const made = (await rest(world(), "POST", "/api/v1/applications/coding/keys/token", { keyManager: "resident", environment: "production" })) as { access_token: string };
  await open(page, "developer/apis/snippets", "Snippets");
  for (const method of ["GET", "PUT", "HEAD"]) {
    const name = new RegExp(`${method} /größen/`);
    await page.getByRole("button", { name }).click();
    const panel = page.getByRole("region", { name });
    await panel.getByRole("button", { name: "Try it out" }).click();
    if (method !== "HEAD") {
      await panel.getByText("with a token", { exact: true }).click();
      await panel.getByLabel("Access token").fill(made.access_token);
    }
    await panel.getByRole("textbox", { name: "name" }).fill(oddPart);
    await panel.getByRole("textbox", { name: "Query" }).fill("q=it's+[1]{2}&empty=");
    await panel.getByRole("textbox", { name: "Headers" }).fill("X-Odd: it's \"$HOME\" `id` \\");
    if (method === "PUT") await panel.getByRole("textbox", { name: "Body" }).fill("@it's \"$HOME\"\nü `id` \\");
    await panel.getByRole("button", { name: "Send request" }).click();
    const answer = panel.getByRole("status", { name: "Response" });
    await expect(answer.getByText("200", { exact: true })).toBeVisible();
    if (method === "HEAD") {
      for (const [language, code] of await codeIn(answer)) expect(await run(language, code, {}), code).toMatch(language === "curl" ? /^HTTP\/1.1 200/ : /^\s*$/);
      continue;
    }
    const shown = JSON.parse((await answer.locator('[aria-label="Response"]').textContent()) ?? "") as Record<string, string>;
    expect(shown.odd).toBe("it's \"$HOME\" `id` \\");
    for (const [language, code] of await codeIn(answer)) {
      await test.step(`${method} ${language}`, async () => {
        const printed = await run(language, code, { TOKEN: made.access_token });
        expect(JSON.parse(printed.slice(printed.indexOf("{"))), code).toEqual(shown);
      });
    }
  }
});

test("a program's token from the resident server, its secret in the form", async () => {
  await keys("resident");
  await remove();
  const secret = await generate({ authentication: "client_secret_post" });
  await page.getByRole("button", { name: "Done" }).click();
  await works(section(), { CLIENT_SECRET: secret });
  await remove();
});

// Signs in at the resident server, where the browser has a session already, and lets the client have what it wants.
async function atResident(address: string): Promise<string> {
  const tab = await page.context().newPage();
  await tab.goto(address);
  const allow = tab.getByRole("button", { name: "Allow", exact: true });
  if (!tab.url().startsWith(upstream)) await allow.click();
  await tab.waitForURL(/code=/);
  const back = tab.url();
  await tab.close();
  return back;
}

test("somebody's token from the resident server, by PKCE with a secret and without one", async () => {
  await keys("resident");
  const secret = await generate({ grants: "authorization_code", callback: `${upstream}/back?it's=here` });
  await page.getByRole("button", { name: "Done" }).click();
  await section().getByText("A person who signs in").click();
  await works(section(), { CLIENT_SECRET: secret }, atResident);
  await remove();
  await page.getByRole("combobox", { name: "Grant types" }).press("Backspace");
  expect(await generate({ grants: "authorization_code", callback: `${upstream}/back`, authentication: "none" })).toBe("");
  await page.getByRole("button", { name: "Done" }).click();
  await works(section(), {}, atResident);
});

test("a program's token from Keycloak, with a client and a secret that have everything in their names", async () => {
  await keys("snipcloak");
  await page.getByText("Use an existing client").click();
  await page.getByRole("textbox", { name: "Client ID" }).fill(oddClient);
  const secret = page.getByLabel("Client secret");
  await secret.fill("another's");
  await page.getByRole("button", { name: "Map client" }).click();
  await expect(secret).toBeFocused(); // it is what is wrong, and says what to do
  await expect(secret).toHaveAccessibleDescription(/Invalid client.*leave the secret out: an administrator then decides/);
  await expect(page.getByRole("alert")).toHaveCount(0);
  await secret.fill(oddSecret);
  await page.getByRole("button", { name: "Map client" }).click();
  await works(section(), { CLIENT_SECRET: oddSecret });
  await section().getByText("Secret in the form").click();
  await works(section(), { CLIENT_SECRET: oddSecret });
});

/** Has a key pair be the signer's: its public half at the realm, the private one where code finds it. */
async function signWith({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }, type: "pkcs1" | "pkcs8" | "sec1"): Promise<void> {
  const [client] = (await realm.admin("GET", `/clients?clientId=${encodeURIComponent(oddSigner)}`)) as { id: string; attributes: object }[];
  const keys = [{ ...publicKey.export({ format: "jwk" }), use: "sig", kid: type, alg: type === "sec1" ? "ES256" : "RS256" }];
  await realm.admin("PUT", `/clients/${client?.id ?? ""}`, { ...client, attributes: { ...client?.attributes, "jwks.string": JSON.stringify({ keys }) } });
  writeFileSync(join(folder, "client-key.pem"), privateKey.export({ format: "pem", type }));
}

test("a program's token from Keycloak, with a client that proves itself by a private key", async () => {
  await keys("snipcloak", "sandbox");
  await page.getByText("Use an existing client").click();
  await page.getByRole("textbox", { name: "Client ID" }).fill(oddSigner);
  await page.getByRole("button", { name: "Map client" }).click(); // an administrator needs no secret for it
  await section().getByText("Private key", { exact: true }).click();
  await expect(section().getByText(/Save the client's private key in PEM as client-key\.pem/)).toBeVisible();
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await signWith(rsa, "pkcs8");
  await works(section(), {});
  await signWith(rsa, "pkcs1");
  await works(section(), {});
  await signWith(generateKeyPairSync("ec", { namedCurve: "P-256" }), "sec1");
  for (const [language, code] of await codeIn(section())) {
    if (language === "curl") await expect(run(language, code, {})).rejects.toThrow(/ended with 1/);
    else expect(await run(language, code, {}), language).toMatch(/^eyJ/);
  }
  rmSync(join(folder, "client-key.pem"));
  for (const [language, code] of await codeIn(section())) await expect(run(language, code, {}), language).rejects.toThrow(/client-key\.pem/);
  await remove();
});

async function atKeycloak(address: string): Promise<string> {
  const tab = await page.context().newPage();
  await tab.goto(address);
  if (!tab.url().startsWith(upstream)) {
    await tab.locator("#username").fill("visitor");
    await tab.locator("#password").fill(password);
    await tab.locator("#kc-login").click();
  }
  await tab.waitForURL(/code=/);
  const back = tab.url();
  await tab.close();
  return back;
}

test("somebody's token from Keycloak, by PKCE without a secret", async () => {
  await keys("snipcloak", "sandbox");
  await page.getByRole("combobox", { name: "Grant types" }).press("Backspace");
  await generate({ grants: "authorization_code", callback: `${upstream}/back`, authentication: "none" });
  await page.getByRole("button", { name: "Done" }).click();
  await works(section(), {}, atKeycloak);
});

