import { expect, test, type Page } from "@playwright/test";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { complaintsOf, password } from "./browser";
import { apply, manifest, rest, serve, type World } from "./start";

// The console at https://HOST/tools/keyward/, behind a proxy that ends TLS and takes the path off.
const prefix = "/tools/keyward";

let world: World;
let url: string;
let end: () => Promise<void>;

test.describe.configure({ mode: "serial" });
test.use({ ignoreHTTPSErrors: true });

/** Starts the proxy before a port that nothing listens at yet, and gives its address. */
async function terminator(port: number): Promise<{ address: string; end: () => Promise<void> }> {
  const child = spawn("go", ["run", "./internal/testbed/terminator", `http://127.0.0.1:${port}`, prefix], {
    cwd: join(import.meta.dirname, "..", ".."),
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((done) => child.once("exit", () => { done(); }));
  const address = await Promise.race([
    new Promise<string>((line) => createInterface(child.stdout).once("line", line)),
    ended.then(() => { throw new Error("the proxy ended"); }),
  ]);
  return { address, end: async () => {
    child.stdin.end();
    await ended;
  } };
}

test.beforeAll(async () => {
  let proxy: Awaited<ReturnType<typeof terminator>> | undefined;
  const server = await serve(async (port) => {
    proxy = await terminator(port);
    return { KEYWARD_PUBLIC_URL: proxy.address + prefix, KEYWARD_TRUSTED_PEERS: "127.0.0.1/32" };
  });
  world = server.made;
  url = (proxy?.address ?? "") + prefix;
  end = async () => {
    await proxy?.end();
    await server.end();
  };
  await apply(world, [
    manifest("User", "pru", { password, roles: ["admin", "publisher", "developer"] }),
    manifest("API", "orders", {
      title: "Orders", context: "/orders", version: "v1", upstream: { production: world.url }, keyManagers: "all",
      operations: [{ method: "GET", path: "/docs", scopes: ["orders:read"] }],
    }),
    manifest("Application", "shop", { owners: ["pru"] }),
  ]);
});

test.afterAll(async () => { await end(); });

/** Everything that the page asked for, but for data: addresses. */
function asked(page: Page): string[] {
  const all: string[] = [];
  page.on("request", (request) => { if (!request.url().startsWith("data:")) all.push(request.url()); });
  return all;
}

test("people sign in, work on pages in every area, and sign out, all below the path", async ({ page, context }) => {
  const [complaints, all] = [complaintsOf(page), asked(page)];
  const policies: string[] = [];
  page.on("response", (response) => {
    if (response.request().resourceType() === "document" && response.status() === 200) policies.push(response.headers()["content-security-policy"] ?? `none at ${response.url()}`);
  });
  await page.goto(`${url}/`);
  await page.getByRole("link", { name: /Keyward account/ }).click();
  await page.locator('input[autocomplete="username"]').fill("pru");
  await page.locator('input[type="password"]').fill(password);
  await page.locator('button[type="submit"]').click();
  await expect(page.getByRole("button", { name: "Your account" })).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`^${url}/console/default/`));

  // Cookies that no page without TLS and no other host can have set.
  const cookies = (await context.cookies()).filter((c) => c.name.includes("keyward"));
  expect(cookies.map((c) => c.name).sort()).toEqual(expect.arrayContaining(["__Host-keyward-session", "__Host-keyward-signin"]));
  for (const c of cookies) expect({ name: c.name, secure: c.secure, httpOnly: c.httpOnly, sameSite: c.sameSite, path: c.path }).toEqual({ name: c.name, secure: true, httpOnly: true, sameSite: "Lax", path: "/" });

  const pages: [path: string, heading: string][] = [["admin/users", "Users"], ["admin/key-managers/resident", "resident"], ["publisher/apis/orders", "Orders"], ["developer/apis/orders", "Orders"], ["developer/applications/shop", "shop"], ["sessions", "Your sessions"]];
  for (const [path, heading] of pages) {
    await page.goto(`${url}/console/default/${path}`);
    await expect(page.getByRole("heading", { level: 1, name: heading, exact: true })).toBeVisible();
    await page.reload();
    await expect(page.getByRole("heading", { level: 1, name: heading, exact: true })).toBeVisible();
  }
  await page.goto(`${url}/console/default/publisher/plans`);
  await page.getByRole("link", { name: "APIs", exact: true }).first().click();
  await expect(page).toHaveURL(new RegExp(`${prefix}/console/default/(publisher|developer)/apis`));
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("link", { name: /Keyward account/ })).toBeVisible();
  expect(page.url()).toContain(`${url}/`);
  await page.getByRole("link", { name: /Keyward account/ }).click();
  await expect(page.locator('input[type="password"]')).toBeVisible(); // at the authorization server, too

  expect(all.filter((at) => !at.startsWith(`${url}/`) && at !== url)).toEqual([]);
  expect(policies.length).toBeGreaterThan(10);
  for (const policy of policies) {
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:\/\/(?!127\.0\.0\.1)/);
  }
  expect(complaints()).toEqual([]);
});

test("a session that ended asks to sign in below the path and leads back, and links lead below it", async ({ page, context }) => {
  const complaints = complaintsOf(page);
  const { link } = (await rest(world, "POST", "/api/v1/users/pru/password-reset")) as { link: string };
  expect(link).toContain(`${url}/oauth2/reset?link=`);
  await page.goto(link);
  for (const field of await page.locator('input[type="password"]').all()) await field.fill(`${password} again`);
  await page.locator('button[type="submit"]').click();
  await expect(page.getByText("As pru.")).toBeVisible();
  await page.goto(`${url}/console/default/publisher/plans`);
  await page.getByRole("link", { name: /Keyward account/ }).click(); // silently: the browser is signed in there
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible();
  await context.clearCookies();
  await page.reload();
  await page.getByRole("link", { name: /Keyward account/ }).click();
  await page.locator('input[autocomplete="username"]').fill("pru");
  await page.locator('input[type="password"]').fill(`${password} again`);
  await page.locator('button[type="submit"]').click();
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible();
  expect(page.url()).toBe(`${url}/console/default/publisher/plans`);
  expect(complaints()).toEqual([]);
});

test("a page of another site can neither frame the console nor change anything with its session", async ({ page, context }) => {
  await page.goto(`${url}/console/default/publisher/plans`);
  await page.getByRole("link", { name: /Keyward account/ }).click();
  await page.locator('input[autocomplete="username"]').fill("pru");
  await page.locator('input[type="password"]').fill(`${password} again`);
  await page.locator('button[type="submit"]').click();
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible();
  const evil = await context.newPage();
  await evil.route("https://evil.example/**", (route) => route.fulfill({ contentType: "text/html", body: "<h1>You have won</h1>" }));
  await evil.goto("https://evil.example/");
  const said = await evil.evaluate(async (at) => {
    const frame = document.createElement("iframe");
    frame.src = `${at}/console/default/publisher/plans`;
    const loaded = new Promise((done) => { frame.onload = done; });
    document.body.append(frame);
    await loaded;
    const send = (method: string, kind: string) => fetch(`${at}/api/v1/plans/stolen`, { method, credentials: "include", mode: method === "POST" ? "no-cors" : "cors", headers: { "Content-Type": kind }, body: '{"spec":{}}' }).then((a) => `${a.type} ${a.status}`, (e: unknown) => String(e));
    return { put: await send("PUT", "application/json"), post: await send("POST", "text/plain"), inside: frame.contentDocument === null };
  }, url);
  expect(said.put).toContain("TypeError"); // no origin may ask for that
  expect(evil.frames().find((f) => f !== evil.mainFrame())?.url()).not.toContain("/console/");
  const plans = (await rest(world, "GET", "/api/v1/plans")) as { items: { metadata: { name: string } }[] };
  expect(plans.items.map((p) => p.metadata.name)).not.toContain("stolen");
  await page.reload();
  await expect(page.getByRole("heading", { level: 1, name: "Plans", exact: true })).toBeVisible(); // the control: the session is alive
});
