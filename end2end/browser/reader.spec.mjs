// Vera changes nothing and reads everything: every page in both themes, wide and narrow, accessible; and without scripts.
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "./fixture.mjs";

const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** The train of checkout's last failure in production, as its page names it. Which number it has depends on the day. */
async function failedTrain(page) {
  await page.goto("/services/checkout?slot=production");
  const failed = page.getByRole("table", { name: "Recent deployments" }).getByRole("row").filter({ hasText: "Rolled back" });
  const train = failed.getByRole("link", { name: /^production #\d+$/ }).first();
  return { path: await train.getAttribute("href"), name: await train.innerText() };
}

/** Every page; what the demo's past names by itself is looked up. */
async function pages(page) {
  const train = await failedTrain(page);
  await page.goto(train.path);
  const deployment = await page.getByRole("main").getByRole("link", { name: "Deployment" }).getAttribute("href");
  return [
    "/",
    "/?search=nothing-of-this-name",
    "/services/checkout?slot=production",
    "/unmapped",
    "/environments/production",
    train.path,
    "/approvals",
    deployment,
    "/rollback/checkout/production",
    "/builds",
    "/deliveries",
    "/metrics",
    "/audit",
    "/people",
    "/sessions",
    "/login",
  ];
}

const LOOKS = [
  ["light", 1440, 900],
  ["dark", 1440, 900],
  ["dark", 360, 740],
  ["light", 360, 740],
];

test("every page reads well, light and dark, wide and narrow", async ({ logIn }) => {
  const vera = await logIn("Vera Viewer", { reducedMotion: "reduce" });
  for (const path of await pages(vera)) {
    await vera.goto(path);
    await expect(vera.getByRole("heading", { level: 1 }), `${path} has one title`).toHaveCount(1);
    for (const refused of await vera.getByRole("main").locator("[aria-disabled=true]").all()) {
      await expect.soft(refused, `${path}: says why not`).toHaveAccessibleDescription(/\S+ \S+/);
    }
    for (const [colorScheme, width, height] of LOOKS) {
      await vera.emulateMedia({ colorScheme });
      await vera.setViewportSize({ width, height });
      const look = `${path}, ${colorScheme}, ${width} px wide`;
      const overflow = await vera.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect.soft(overflow, `${look}: scrolls sideways by`).toBeLessThanOrEqual(0);
      const cut = await vera.locator("main table :is(a, code)").evaluateAll((links) =>
        links.filter((link) => link.scrollWidth > link.clientWidth + 1 && getComputedStyle(link).overflow !== "visible").map((link) => link.innerText),
      );
      expect.soft(cut, `${look}: names that are cut off`).toEqual([]);
      const hidden = await vera.locator("main .scroll").evaluateAll((boxes) => boxes.map((box) => box.scrollWidth - box.clientWidth));
      if (width < 720) expect.soft(Math.max(0, ...hidden), `${look}: a table scrolls sideways by`).toBeLessThanOrEqual(1);
      const { violations } = await new AxeBuilder({ page: vera }).withTags(WCAG).analyze();
      const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} – ${node.failureSummary}`));
      expect.soft(found, `${look}: what axe found`).toEqual([]);
    }
  }
});

test("what Vera may not do says why", async ({ logIn }) => {
  const vera = await logIn("Vera Viewer");
  await vera.goto("/services/checkout?slot=production");
  await expect(vera.getByRole("link", { name: "Roll back checkout in production" })).toHaveAttribute("aria-disabled", "true");
  await vera.goto("/rollback/checkout/production");
  await expect(vera.getByRole("button", { name: /^Roll back checkout/ })).toHaveAttribute("aria-disabled", "true");
});

test("without scripts it reads and filters all the same", async ({ logIn }) => {
  const vera = await logIn("Vera Viewer", { javaScriptEnabled: false });

  await vera.goto("/");
  const services = vera.getByRole("region", { name: "Services by environment" }).getByRole("rowheader");
  await expect(services.filter({ hasText: "checkout" })).toBeVisible();
  await expect(vera.locator('td[data-label="production"]').first()).toContainText("main-");
  await vera.getByLabel("Team").selectOption("orders");
  await vera.getByRole("button", { name: "Filter" }).click();
  await expect(vera).toHaveURL(/team=orders/);
  await expect(services.filter({ hasText: "checkout" })).toBeVisible();
  await expect(services.filter({ hasText: "catalog" })).toHaveCount(0);
  await expect(vera.getByLabel("Team")).toHaveValue("orders");
  await vera.getByRole("searchbox", { name: "Search services" }).fill("web");
  await vera.getByRole("searchbox", { name: "Search services" }).press("Enter");
  await expect(services).toHaveCount(1);
  await vera.getByRole("link", { name: /Show without this search/ }).click();
  await expect(services).toHaveCount(13);

  const train = await failedTrain(vera);
  await vera.goto(train.path);
  await expect(vera.getByRole("heading", { level: 1, name: train.name })).toBeVisible();
  await expect(vera.locator("ol.cars")).toContainText("checkout");
  await vera.getByRole("main").getByRole("link", { name: "Deployment" }).click();
  await expect(vera.getByRole("heading", { level: 1, name: "checkout → production" })).toBeVisible();
  await expect(vera.locator("section.diagnosis").getByRole("heading", { level: 2 })).toContainText("Application exit");
  await expect(vera.locator("section.diagnosis")).toContainText("exit code 1");
  await expect(vera.getByRole("table", { name: "Tasks of this deployment" })).toContainText("EssentialContainerExited");
  await expect(vera.locator("section.diagnosis ol.runbook > li").first()).toBeVisible();
  await vera.goto("/services/checkout");
  await vera.getByRole("navigation", { name: "Environments" }).getByRole("link", { name: "staging" }).click();
  await expect(vera).toHaveURL(/slot=staging/);
});
