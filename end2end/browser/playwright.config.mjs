import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.mjs",
  outputDir: process.env.PLAYWRIGHT_OUTPUT ?? "/tmp/yardmaster-browser-output",
  timeout: 900_000,
  globalTimeout: 1_500_000,
  expect: { timeout: 90_000 },
  // One persona's story per file, all at the same time. A story that failed is not told again: it changed the world.
  workers: 4,
  retries: 0,
  reporter: "list",
  use: {
    baseURL: process.env.YARDMASTER_URL,
    viewport: { width: 1440, height: 900 },
    actionTimeout: 60_000,
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
});
