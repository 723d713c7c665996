import { defineConfig } from "@playwright/test";

// The browser is Debian's Chromium without windows, as Playwright's own is, which is not fetched.
const chromium = process.env.KEYWARD_CHROMIUM ?? "/usr/bin/chromium-headless-shell";

export default defineConfig({
  testDir: "test",
  globalSetup: "./test/start.ts",
  fullyParallel: false,
  workers: 2, // of files, each with a server of its own
  retries: 0,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [["line"]],
  use: {
    browserName: "chromium",
    launchOptions: { executablePath: chromium, args: ["--no-sandbox"] },
    viewport: { width: 1280, height: 860 },
    locale: "en-GB",
    actionTimeout: 40_000,
  },
});
