import { readdirSync } from "node:fs";
import { join } from "node:path";

import { defineConfig } from "@playwright/test";

// The browser is Debian's Chromium without windows, as Playwright's own is, which is not fetched.
const chromium = process.env.KEYWARD_CHROMIUM ?? "/usr/bin/chromium-headless-shell";
const minute = 60_000;
const files = readdirSync(join(import.meta.dirname, "test")).filter((file) => file.endsWith(".spec.ts"));

export default defineConfig({
  testDir: "test",
  // What runs in two projects never shares a process, nor with it a server: each file has one of its own.
  projects: files.map((file) => ({ name: file.replace(".spec.ts", ""), testMatch: file })),
  fullyParallel: false,
  workers: 2,
  retries: 0,
  // What a test waits for comes in seconds, or never: these only end what hangs, and leave a busy machine all the time it wants.
  timeout: 15 * minute,
  expect: { timeout: 3 * minute },
  reporter: [["line"]],
  use: {
    browserName: "chromium",
    launchOptions: { executablePath: chromium, args: ["--no-sandbox"] },
    viewport: { width: 1280, height: 860 },
    locale: "en-GB",
    actionTimeout: 3 * minute,
  },
});
