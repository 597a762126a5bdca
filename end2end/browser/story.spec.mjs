// A push becomes a rolled-out image: Dana writes it, Sena agrees to it, Lee lets it go, and takes it back again.
// The only story that seals a train of production.
import { cell, expect, long, push, test } from "./fixture.mjs";

const SERVICE = "cart";

test("Dana's commit boards, is approved by Sena, departs with Lee and is rolled back", async ({ logIn }) => {
  const lee = await logIn("Lee Lead");
  await lee.goto("/");
  const before = await cell(lee, SERVICE, "production").locator("a.runs").innerText();
  const sha = await push(SERVICE, "main", "dana", `Keep the cart for a week\n\nCo-authored-by: Archie Architect <archie@acme.example>`);
  expect(before).not.toContain(sha);

  await test.step("it is built, boards staging and arrives there", async () => {
    await lee.goto("/builds");
    const build = lee.getByRole("main").getByRole("row").filter({ hasText: sha });
    await expect(build).toContainText("Keep the cart for a week");
    await expect(build).toContainText("Succeeded", long);
    await lee.goto("/");
    await expect(cell(lee, SERVICE, "staging").locator("a.runs")).toContainText(sha, long);
    await cell(lee, SERVICE, "staging").locator("a.runs").click();
    await expect(lee).toHaveURL(/\/services\/cart\?slot=staging$/);
    const arrival = lee.getByRole("table", { name: "Recent deployments" }).getByRole("row").filter({ hasText: sha });
    await expect(arrival).toContainText("Succeeded", long);
    // Others may have come with it; what production promotes is settled once their train is at its end.
    await arrival.getByRole("link", { name: /^staging #\d+$/ }).click();
    await expect(lee.getByRole("heading", { level: 1, name: /^staging #\d+$/ })).toBeVisible();
    await expect(state(lee)).toContainText(/arrived/i, long);
  });

  const [path, name] = await test.step("once soaked there, the same image boards production", async () => {
    await lee.goto("/");
    const next = cell(lee, SERVICE, "production").locator("a.next");
    await expect(next).toContainText(sha, long);
    await next.click();
    const title = lee.getByRole("heading", { level: 1, name: /^production #\d+$/ });
    await expect(title).toBeVisible();
    await expect(car(lee)).toContainText(sha);
    await expect(car(lee)).toContainText("Waiting");
    return [new URL(lee.url()).pathname, await title.innerText()];
  });

  await test.step("Lee seals it", async () => {
    await lee.getByRole("button", { name: `Seal ${name}` }).click();
    await expect(state(lee)).toContainText("Sealed");
    await expect(car(lee)).toContainText(sha);
    await expect(lee.getByRole("heading", { name: "Manifest" })).toBeVisible();
    await expect(lee.getByText("0 of 1 approval")).toBeVisible();
    await expect(lee.getByRole("button", { name: `Depart ${name}` })).toHaveAttribute("aria-disabled", "true");
  });

  await test.step("neither an author nor who sealed it can approve it", async () => {
    for (const [page, why] of [
      [await logIn("Dana Developer"), /^You may not approve in production/],
      [await logIn("Archie Architect"), /^You wrote/],
      [lee, /^You sealed/],
    ]) {
      await page.goto(path);
      const approve = page.getByRole("button", { name: `Approve ${name}` });
      await expect(approve).toHaveAttribute("aria-disabled", "true");
      await expect(approve).toHaveAccessibleDescription(why);
    }
  });

  await test.step("Sena finds it among her approvals and approves it, without scripts", async () => {
    const sena = await logIn("Sena Senior", { javaScriptEnabled: false });
    await sena.goto("/approvals");
    await sena.getByRole("link", { name: `Review ${name}` }).click();
    await expect(sena.getByText(/^Approving means: exactly these/)).toBeVisible();
    await sena.locator("summary", { hasText: `Approve ${name}` }).click();
    await sena.getByLabel("Comment (optional)").fill("Read every commit");
    await sena.getByRole("button", { name: `Approve ${name}` }).click();
    await expect(sena.getByText("1 of 1 approval")).toBeVisible();
  });

  await test.step("Lee sees the approval without a reload and lets it depart", async () => {
    await expect(lee.getByRole("blockquote")).toHaveText("Read every commit");
    const depart = lee.getByRole("button", { name: `Depart ${name}` });
    await expect(depart).not.toHaveAttribute("aria-disabled", "true");
    await depart.click();
    await expect(state(lee)).toContainText("Departing");
  });

  await test.step("its deployment is followed live to its end", async () => {
    await car(lee).getByRole("link", { name: "Deployment" }).click(long);
    await expect(lee.getByRole("heading", { level: 1, name: `${SERVICE} → production` })).toBeVisible();
    await lee.evaluate(() => (window.neverReloaded = true));
    await expect(lee.locator(".change")).toContainText(sha);
    await expect(state(lee)).toContainText("Succeeded", long);
    await expect(lee.locator("ol.steps > li.good").nth(2)).toBeVisible();
    await expect(lee.getByRole("table", { name: "Tasks of this deployment" })).toContainText("RUNNING");
    expect(await lee.evaluate(() => window.neverReloaded)).toBe(true);
  });

  await test.step("the train arrives and the board shows what runs now", async () => {
    await lee.goto(path);
    await expect(state(lee)).toContainText("Arrived", long);
    await expect(car(lee)).toContainText("Arrived");
    await lee.goto("/");
    await expect(cell(lee, SERVICE, "production").locator("a.runs")).toContainText(sha);
  });

  await test.step("Lee takes it back to the known-good before it, in a browser whose scripts do not load", async () => {
    const plain = await logIn("Lee Lead", { javaScriptEnabled: false });
    await plain.goto(`/services/${SERVICE}?slot=production`);
    await plain.getByRole("link", { name: `Roll back ${SERVICE} in production` }).click();
    await expect(plain.getByRole("radio", { name: new RegExp(before) })).toBeChecked();
    await plain.getByLabel("Reason").fill("Carts of last week come back empty");
    await plain.getByRole("button", { name: `Roll back ${SERVICE} in production to` }).click();
    await expect(plain).toHaveURL(/\/deployments\/dep_/);
    await lee.goto(plain.url());
    await expect(lee.getByRole("blockquote")).toHaveText("Carts of last week come back empty");
    await expect(state(lee)).toContainText("Rollback");
    await expect(state(lee)).toContainText("Succeeded", long);
    await lee.goto("/");
    await expect(cell(lee, SERVICE, "production").locator("a.runs")).toContainText(before);
  });

  await test.step("the audit tells all of it", async () => {
    await lee.goto("/audit");
    await expect(lee.getByRole("main")).toContainText("Sena Senior");
    await expect(lee.getByRole("main")).toContainText("Carts of last week come back empty");
  });
});

/** The badges beside the page's title. */
function state(page) {
  return page.locator(".page-aside");
}

function car(page) {
  return page.locator("ol.cars > li").filter({ has: page.getByRole("link", { name: SERVICE, exact: true }) });
}
