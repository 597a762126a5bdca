// One release on endpoints that nobody here wrote, in the browser: log in, look, approve, depart, see it arrive.
import { expect, test } from "@playwright/test";

const { SERVICE_ARN, RUNNING, WANTED, COMMIT } = process.env;

async function logIn(browser, login) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto("/");
  await page.getByRole("link", { name: "Shop single sign-on" }).click();
  await page.getByPlaceholder("Enter any login").fill(login);
  await page.getByPlaceholder("and password").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  return page;
}

test("a build boards, is approved, departs and runs", async ({ browser }) => {
  // The author logs in once, so that Yardmaster can tell who wrote the commit.
  await logIn(browser, "dana");
  const ada = await logIn(browser, "ada");

  await ada.goto("/services/storefront?slot=production");
  await expect(ada.getByText(SERVICE_ARN)).toBeVisible();
  await expect(ada.locator(`[title*="${RUNNING}"]`).first()).toBeVisible();

  await ada.goto("/builds");
  await expect(ada.getByText(COMMIT.slice(0, 7)).first()).toBeVisible();

  await ada.goto("/trains/production/1");
  await expect(ada.getByText("storefront").first()).toBeVisible();
  await ada.getByRole("button", { name: /^Seal/ }).click();
  await expect(ada.getByText("Sealed").first()).toBeVisible();

  const sena = await logIn(browser, "sena");
  await sena.goto("/trains/production/1");
  await sena.getByRole("button", { name: /^Approve/ }).click();
  await expect(sena.getByText(/1 of 1/).first()).toBeVisible();

  await ada.reload();
  await ada.getByRole("button", { name: /^Depart/ }).click();
  await expect(ada.getByText("Arrived").first()).toBeVisible();

  await ada.goto("/services/storefront?slot=production");
  await expect(ada.locator(`[title*="${WANTED}"]`).first()).toBeVisible();
});
