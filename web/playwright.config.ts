import { defineConfig } from "@playwright/test";

// The browser is Debian's; Playwright's own is not fetched.
const chromium = process.env.KEYWARD_CHROMIUM ?? "/usr/bin/chromium";

export default defineConfig({
  testDir: "test",
  globalSetup: "./test/start.ts",
  fullyParallel: false,
  workers: 1,
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
