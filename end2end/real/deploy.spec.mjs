// One release on endpoints that nobody here wrote, in the browser: log in, look, approve, depart, see it arrive.
import { expect, test } from "@playwright/test";

const { YARDMASTER_URL, SERVICE_ARN, RUNNING, WANTED, COMMIT } = process.env;

// The text where it can be seen: what is folded away says it too.
const shown = (page, text) => page.getByText(text).filter({ visible: true }).first();

// What Yardmaster's own pages complained of; the provider's pages are not ours.
const complaints = [];
function watch(context) {
  const ours = (url) => url.startsWith(YARDMASTER_URL);
  context.on("console", (message) => {
    if (message.type() === "error" && ours(message.location().url)) complaints.push(`console: ${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => {
    if (ours(error.page()?.url() ?? "")) complaints.push(`page: ${error.error().stack ?? error.error()}`);
  });
  context.on("response", (response) => {
    if (response.status() >= 500 && ours(response.url())) complaints.push(`${response.status()} ${response.url()}`);
  });
}

/** What the board says of the service in production. */
const cell = (page) =>
  page
    .getByRole("row")
    .filter({ has: page.getByRole("rowheader").getByRole("link", { name: "storefront", exact: true }) })
    .locator('td[data-label="production"]');

async function logIn(browser, login) {
  const context = await browser.newContext();
  watch(context);
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

  await ada.goto("/");
  await expect(cell(ada).locator("a.runs")).toBeVisible();
  await expect(cell(ada).locator("a.runs")).not.toContainText(COMMIT.slice(0, 7));

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

  // On what evidence the verdict rests: ECS's record of the rollout, or, where an endpoint keeps none, what its tasks say.
  await ada.getByRole("main").getByRole("link", { name: "Deployment" }).click();
  await expect(ada.getByRole("heading", { level: 1, name: "storefront → production" })).toBeVisible();
  await expect(ada.locator("p.sentence").first()).toHaveText(/ECS.* record of th(e|is) rollout.*(digest asked for|what runs is not proven)/);

  await ada.goto("/");
  await expect(cell(ada).locator("a.runs")).toContainText(COMMIT.slice(0, 7));
  await ada.goto("/services/storefront?slot=production");
  await expect(ada.locator(`[title*="${WANTED}"]`).first()).toBeVisible();
  expect(complaints, "what the pages complained of").toEqual([]);
});
