import { execFileSync } from "node:child_process";
import { loadavg } from "node:os";
import { join } from "node:path";

import { expect, test, type Browser, type Page, type Request } from "@playwright/test";

import { personAt, signIn } from "../test/browser";
import { apply, serve, type World } from "../test/start";

// How often each page is opened, and how many keys are typed; the median counts.
const rounds = 3;
const keys = 24;

interface Installation {
  what: string;
  crowd: Record<string, number>;
  operations: number;
}

const small: Installation = { what: "small", crowd: { KeyManagers: 3, APIs: 3, Applications: 10, Users: 10, Audit: 20 }, operations: 60 };
const large: Installation = {
  what: "large", crowd: { KeyManagers: 500, APIs: 300, Applications: 50_000, Users: 5_000, Audit: 20_000 }, operations: 1_000,
};

const pages: [path: string, heading: string][] = [
  ["admin/key-managers", "Key managers"],
  ["admin/key-managers/manager-00001", "Manager 00001"],
  ["admin/key-managers/new", "Add a key manager"],
  ["admin/users", "Users"],
  ["admin/audit", "Audit log"],
  ["admin/holds", "Holds"],
  ["admin/approvals", "Approvals"],
  ["publisher/apis", "APIs"],
  ["publisher/apis/api-00001", "API 00001"],
  ["publisher/apis/wide", "Wide"],
  ["publisher/apis/wide/edit", "Edit wide"],
  ["publisher/plans", "Plans"],
  ["developer/apis", "APIs"],
  ["developer/apis/wide", "Wide"],
  ["developer/applications", "Applications"],
  ["developer/applications/app-00001", "Application 00001"],
  ["developer/applications/app-00002", "Application 00002"],
];

// Where somebody types, how to get there, and the label of the field.
const fields: [what: string, path: string, tab: string, role: "textbox" | "searchbox", label: string | RegExp][] = [
  ["an API's title", "publisher/apis/wide/edit", "Form", "textbox", "Title"],
  ["an operation's path", "publisher/apis/wide/edit", "Form", "textbox", "Path"],
  ["search in operations", "publisher/apis/wide/edit", "Form", "searchbox", /Search/],
  ["an API as YAML", "publisher/apis/wide/edit", "YAML", "textbox", "YAML"],
  ["search in applications", "developer/applications", "", "searchbox", /Search/],
];

/** What opening a page took: times in milliseconds since the navigation, bytes as they were sent. */
interface Opened {
  first: number;
  largest: number;
  shift: number;
  requests: number;
  bytes: number;
}

interface Site {
  page: Page;
  made: World;
}

/** Starts a server with a crowd on it, signs somebody in and opens the console once, so that it is in the browser's cache. */
async function begin(browser: Browser, of: Installation): Promise<{ site: Site; cold: Opened; end: () => Promise<void> }> {
  const { made, end } = await serve();
  execFileSync("go", ["run", "./internal/testbed/crowd/fill", made.data, JSON.stringify({ Tenant: "default", ...of.crowd })], {
    cwd: join(import.meta.dirname, "..", ".."),
  });
  await apply(made, [{
    apiVersion: "keyward.dev/v1", kind: "API", metadata: { name: "wide" },
    spec: {
      title: "Wide", context: "/wide", version: "v1", upstream: { production: made.url }, keyManagers: "all",
      operations: Array.from({ length: of.operations }, (_, i) => ({ method: "GET", path: `/part-${i}`, scopes: ["wide:read"] })),
    },
  }]);
  await personAt(made, "bench", "admin");
  const page = await (await browser.newContext()).newPage();
  await page.addInitScript(() => {
    const seen = { largest: 0, shift: 0, keys: [] as number[] };
    (window as unknown as { seen: typeof seen }).seen = seen;
    const watch = (type: string, note: (entry: PerformanceEntry) => void) => {
      new PerformanceObserver((list) => { list.getEntries().forEach(note); }).observe({ type, buffered: true });
    };
    watch("largest-contentful-paint", (entry) => { seen.largest = entry.startTime; });
    watch("layout-shift", (entry) => { seen.shift += (entry as PerformanceEntry & { value: number }).value; });
    // From a key to the end of the frame that shows it.
    window.addEventListener("keydown", (event) => {
      requestAnimationFrame(() => {
        const drawn = new MessageChannel();
        drawn.port1.onmessage = () => { seen.keys.push(performance.now() - event.timeStamp); };
        drawn.port2.postMessage(null);
      });
    }, true);
  });
  await signIn(page, "bench", made);
  const site = { page, made };
  const cold = await coldly(browser, site);
  return { site, cold, end: async () => { await page.context().close(); await end(); } };
}

/** Opens the first page in a browser that has nothing of the console yet, but the session. */
async function coldly(browser: Browser, { page, made }: Site): Promise<Opened> {
  const context = await browser.newContext({ storageState: await page.context().storageState() });
  const fresh = await context.newPage();
  const opened = await open({ page: fresh, made }, "admin/key-managers", "Key managers");
  await context.close();
  return opened;
}

async function open({ page, made }: Site, path: string, heading: string): Promise<Opened> {
  const sizes: Promise<number>[] = [];
  const note = (request: Request) => {
    sizes.push(request.sizes().then((s) => s.responseBodySize + s.responseHeadersSize));
  };
  await page.goto("about:blank");
  page.on("requestfinished", note);
  await page.goto(`${made.url}/console/default/${path}`);
  await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
  await page.waitForLoadState("networkidle");
  page.off("requestfinished", note);
  const seen = await page.evaluate(() => ({
    ...(window as unknown as { seen: { largest: number; shift: number } }).seen,
    first: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  }));
  const bytes = (await Promise.all(sizes)).filter((n) => n > 0);
  return { first: seen.first, largest: seen.largest, shift: seen.shift, requests: bytes.length, bytes: bytes.reduce((a, b) => a + b, 0) };
}

/** Types into a field, and gives how long each key took until it was shown. */
async function type({ page, made }: Site, [, path, tab, role, label]: (typeof fields)[number]): Promise<number[]> {
  await page.goto(`${made.url}/console/default/${path}`);
  if (tab) await page.getByRole("tab", { name: tab }).click();
  const field = page.getByRole(role, { name: label }).first();
  await field.focus();
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => { (window as unknown as { seen: { keys: number[] } }).seen.keys = []; });
  await page.keyboard.type("abcdefghijklmnopqrstuvwxyz".slice(0, keys), { delay: 60 });
  await expect.poll(() => page.evaluate(() => (window as unknown as { seen: { keys: number[] } }).seen.keys.length)).toBe(keys);
  return page.evaluate(() => (window as unknown as { seen: { keys: number[] } }).seen.keys);
}

const median = (all: number[]) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
const times = (a: number, b: number) => (a > 0 ? `${(b / a).toFixed(1)} ×` : "");

function print(title: string, head: string[], rows: (string | number)[][]): void {
  const cells = [head, ...rows.map((row) => row.map((cell) => (typeof cell === "number" ? String(Math.round(cell)) : cell)))];
  const wide = head.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? "").length)));
  const line = (row: string[]) => `| ${row.map((cell, i) => cell.padEnd(wide[i] ?? 0)).join(" | ")} |`;
  console.log(`\n${title}\n\n${[line(head), `|${wide.map((n) => "-".repeat(n + 2)).join("|")}|`, ...cells.slice(1).map(line)].join("\n")}`);
}

test("what the console takes with very many objects, beside a small installation", async ({ browser }) => {
  const before = loadavg()[0] ?? 0;
  const [few, many] = [await begin(browser, small), await begin(browser, large)];
  try {
    const rows: (string | number)[][] = [];
    for (const [path, heading] of pages) {
      const seen: [Opened[], Opened[]] = [[], []];
      for (let i = 0; i <= rounds; i++) {
        const [a, b] = [await open(few.site, path, heading), await open(many.site, path, heading)];
        if (i > 0) { seen[0].push(a); seen[1].push(b); } // the first one fetches the page's own code
      }
      const of = (which: 0 | 1, what: keyof Opened) => median(seen[which].map((o) => o[what]));
      rows.push([
        path, of(0, "first"), of(1, "first"), times(of(0, "first"), of(1, "first")), of(0, "largest"), of(1, "largest"),
        times(of(0, "largest"), of(1, "largest")), of(1, "requests"), (of(1, "bytes") / 1024).toFixed(1), Math.max(...seen[1].map((o) => o.shift)).toFixed(3),
      ]);
    }
    const cold = [few.cold, many.cold].map((o) => `${Math.round(o.bytes / 1024)} KB in ${o.requests} requests, first paint after ${Math.round(o.first)} ms`);
    print(`Warm, milliseconds: the median of ${rounds}. First load: small ${cold[0]}; large ${cold[1]}.`, [
      "page", "first paint, small", "large", "", "largest, small", "large", "", "requests", "KB", "shift",
    ], rows);
    const typed: (string | number)[][] = [];
    for (const field of fields) {
      const [a, b] = [await type(few.site, field), await type(many.site, field)];
      typed.push([field[0], median(a), median(b), times(median(a), median(b)), Math.max(...a), Math.max(...b)]);
    }
    print(`From a key to the frame that shows it, milliseconds; ${small.operations} and ${large.operations} operations`, [
      "typed", "median, small", "large", "", "worst, small", "large",
    ], typed);
    console.log(`\nLoad of the machine: ${before.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after.`);
  } finally {
    await few.end();
    await many.end();
  }
});
