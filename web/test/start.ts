import { spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { test as base } from "@playwright/test";

/** What tests know of a server. */
export interface World {
  url: string;
  gateway: string;
  token: string;
  link: string;
  /** The server's data folder. */
  data: string;
}

let mine: World | undefined;

/** The world of the tests of this file, once they run. */
export function world(): World {
  if (!mine) throw new Error("there is no server before the first test");
  return mine;
}

/**
 * The tests of a file, with the built binary started for them on a folder of its own, so that no file meets what another one
 * does or left behind, whichever run before it.
 */
export const test = base.extend<object, { server: World }>({
  server: [async ({}, use) => {
    const { made, end } = await serve();
    await seed(made);
    await traffic(made);
    mine = made;
    await use(made);
    await end();
  }, { scope: "worker", auto: true }],
});

/**
 * A port that nobody listens on, below those that systems give to clients by themselves, to one of which it could go before
 * the server listens, and below those of the tests in Go.
 */
export async function freePort(): Promise<number> {
  const port = 9_000 + randomInt(3_000);
  const server = createServer();
  const free = await new Promise<boolean>((done) => {
    server.once("error", () => { done(false); });
    server.listen(port, "127.0.0.1", () => { done(true); });
  });
  if (!free) return freePort();
  await new Promise((done) => server.close(done));
  return port;
}

/** Starts a server of its own with the settings that are made for its port. */
export async function serve(settings: (control: number) => Record<string, string> | Promise<Record<string, string>> = () => ({})): Promise<{ made: World; end: () => Promise<void> }> {
  const data = mkdtempSync(join(tmpdir(), "keyward-console-"));
  const [control, gateway, ops] = [await freePort(), await freePort(), await freePort()];
  const log: string[] = [];
  const child = spawn(join(import.meta.dirname, "..", "..", "bin", "keyward"), ["serve"], {
    env: {
      PATH: process.env.PATH,
      KEYWARD_DATA: data,
      KEYWARD_CONTROL_ADDRESS: `127.0.0.1:${control}`,
      KEYWARD_GATEWAY_ADDRESS: `127.0.0.1:${gateway}`,
      KEYWARD_OPS_ADDRESS: `127.0.0.1:${ops}`,
      ...(await settings(control)),
    },
  });
  child.stderr.on("data", (text: Buffer) => log.push(text.toString()));
  await ready(child, `http://127.0.0.1:${ops}/readyz`, log);
  const made: World = {
    url: `http://127.0.0.1:${control}`,
    gateway: `http://127.0.0.1:${gateway}`,
    token: readFileSync(join(data, "admin.token"), "utf8").trim(),
    link: readFileSync(join(data, "admin.signin"), "utf8").trim(),
    data,
  };
  const end = async () => {
    child.kill("SIGTERM");
    await new Promise<void>((done) => {
      if (child.exitCode !== null) done();
      else child.once("exit", () => { done(); });
    });
    rmSync(data, { recursive: true, force: true });
  };
  return { made, end };
}

async function ready(child: ChildProcess, address: string, log: string[]): Promise<void> {
  for (let i = 0; i < 6_000; i++) {
    if (child.exitCode !== null) throw new Error(`keyward ended: ${log.join("")}`);
    const answer = await fetch(address).catch(() => undefined);
    if (answer?.ok) return;
    await pause(100);
  }
  throw new Error(`keyward is not ready: ${log.join("")}`);
}

/** Applies manifests, as keyward apply does. */
export async function apply(made: World, objects: unknown[]): Promise<void> {
  await rest(made, "POST", "/api/v1/apply", { objects });
}

/** A manifest of the tenant default. */
export const manifest = (kind: string, name: string, spec: unknown) => ({ apiVersion: "keyward.dev/v1", kind, metadata: { name }, spec });

/** Calls the REST API as the administrator. */
export async function rest(made: World, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(made.url + path, {
    method,
    headers: { Authorization: `Bearer ${made.token}`, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text === "" ? undefined : JSON.parse(text);
}

// Calls that pass and calls that are refused, really sent, so that pages have something true to show.
async function traffic(made: World): Promise<void> {
  const place = { keyManager: "resident", environment: "production" };
  await rest(made, "POST", "/api/v1/applications/till/keys", place);
  const { access_token: token } = (await rest(made, "POST", "/api/v1/applications/till/keys/token", place)) as { access_token: string };
  for (const bearer of [token, token, "not-a-token", token]) {
    await fetch(`${made.gateway}/orders/v1/docs`, { headers: { Authorization: `Bearer ${bearer}` } });
  }
}

// An API, plans, applications with subscriptions; and a tenant whose authorization server is a second issuer.
async function seed(made: World): Promise<void> {
  await apply(made, [
    manifest("Tenant", "partner", { displayName: "Partner" }),
    manifest("Plan", "gold", { rate: { requests: 100, per: "1s" } }),
    manifest("Plan", "platinum", { rate: { requests: 1000, per: "1s" }, approval: "manual" }),
    manifest("API", "orders", {
      title: "Orders",
      context: "/orders",
      version: "v1",
      upstream: { production: made.url },
      keyManagers: "all",
      operations: [{ method: "GET", path: "/docs", scopes: ["orders:read"] }],
      plans: ["gold", "platinum"],
    }),
    manifest("Application", "shop", { displayName: "Shop", owners: ["admin"] }),
    manifest("Application", "till", { displayName: "Till", owners: ["admin"] }),
    manifest("Subscription", "till-orders", { application: "till", api: "orders", plan: "gold" }),
    manifest("Subscription", "shop-orders", { application: "shop", api: "orders", plan: "gold" }),
    manifest("User", "alice", { email: "alice@example.com", roles: ["developer"] }),
  ]);
}
