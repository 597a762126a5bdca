// One release on endpoints that nobody here wrote, in the browser: log in, look, approve, depart, see it arrive.
import { expect, test } from "@playwright/test";

const { SERVICE_ARN, RUNNING, WANTED, COMMIT } = process.env;

// The text where it can be seen: what is folded away says it too.
const shown = (page, text) => page.getByText(text).filter({ visible: true }).first();

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
  await expect(shown(ada, COMMIT.slice(0, 7))).toBeVisible();

  await ada.goto("/trains/production/1");
  await expect(shown(ada, "storefront")).toBeVisible();
  await ada.getByRole("button", { name: /^Seal/ }).click();
  await expect(shown(ada, "Sealed")).toBeVisible();

  // The commit's author is known by a verified address; who pushed it is known to the forge by another name.
  await ada.goto("/people");
  const row = ada.getByRole("row").filter({ hasText: "github:dana" });
  await row.getByRole("combobox").selectOption({ label: "Dana" });
  await row.getByRole("button", { name: "Save" }).click();
  await expect(row).toHaveCount(0);
  await ada.goto("/trains/production/1");

  const sena = await logIn(browser, "sena");
  await sena.goto("/trains/production/1");
  await sena.locator("summary", { hasText: "Approve production #1" }).click();
  await sena.getByRole("button", { name: "Approve production #1" }).click();
  await expect(shown(sena, "1 of 1 approval")).toBeVisible();

  await ada.reload();
  await ada.getByRole("button", { name: /^Depart/ }).click();
  await expect(shown(ada, "Arrived")).toBeVisible();

  await ada.goto("/services/storefront?slot=production");
  await expect(ada.locator(`[title*="${WANTED}"]`).first()).toBeVisible();
});
