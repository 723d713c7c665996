import { defineConfig } from "@playwright/test";

import tests from "../playwright.config";

// Measured in the browser that the console is tested in, by what prints instead of judging. It starts its servers itself.
export default defineConfig({ ...tests, testDir: ".", projects: [{ testMatch: "*.bench.ts" }] });
