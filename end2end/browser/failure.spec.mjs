// A release that cannot live: what went wrong is told in plain words, what ran before runs again, and the image stays
// away until somebody allows it. Ada looks after it, in staging, on a service of her own.
import { cell, expect, long, push, test } from "./fixture.mjs";

const SERVICE = "notifications";
const OTHER = "gateway";

test("a release that exits is rolled back, explained, and kept away until Ada allows it", async ({ logIn }) => {
  const ada = await logIn("Ada Devops");
  await ada.goto("/");
  const slot = cell(ada, SERVICE, "staging");
  // The demo world's own build of that branch is on its way there and has to arrive first: it would else come after.
  await expect(slot.locator("a.runs")).toContainText("develop-", long);
  await expect(slot.locator(".flight")).toHaveCount(0, long);
  const sha = await push(SERVICE, "develop", "omar", "Send mails twice as fast\n\nrelease: exits");

  await test.step("it boards staging and fails; the board says so", async () => {
    await expect(slot).toContainText("Last deployment failed", long);
    await expect(slot.locator("a.runs")).not.toContainText(sha);
    const need = ada.getByRole("region", { name: "Needs you" }).getByRole("link", { name: `${SERVICE} failed in staging` });
    await expect(need).toContainText("exit code");
    await need.click();
  });

  const failed = await test.step("the deployment page explains it", async () => {
    await expect(ada.getByRole("heading", { level: 1, name: `${SERVICE} → staging` })).toBeVisible();
    await expect(ada.locator(".page-aside")).toContainText("Rolled back");
    await expect(ada.locator(".change")).toContainText(sha);
    const diagnosis = ada.locator("section.diagnosis");
    await expect(diagnosis.getByRole("heading", { level: 2 })).toContainText("Application exit");
    await expect(diagnosis.locator(".sentence")).not.toBeEmpty();
    await expect(diagnosis.locator(".evidence")).toContainText("Essential container in task exited");
    await expect(diagnosis.getByRole("heading", { name: "What to do" })).toBeVisible();
    await expect(diagnosis.locator("ol.runbook > li").nth(1)).toBeVisible();
    const stopped = ada.getByRole("table", { name: "Tasks of this deployment" }).locator("tbody tr").filter({ hasText: "EssentialContainerExited" });
    await expect(stopped.first()).toContainText("STOPPED");
    await expect(stopped.first().locator("td.num")).toHaveText(/^[1-9]\d*$/);
    await expect(ada.locator("ol.events > li").filter({ hasText: "rolling back" }).first()).toBeVisible();
    return new URL(ada.url()).pathname;
  });

  await test.step("the image does not board again while others do", async () => {
    const other = await push(OTHER, "develop", "omar", "Answer a little sooner");
    await ada.goto("/");
    await expect(cell(ada, OTHER, "staging").locator("a.runs")).toContainText(other, long);
    await expect(slot).toContainText("Last deployment failed");
    await expect(slot.locator("a.next")).toHaveCount(0);
    await ada.goto(`/services/${SERVICE}?slot=staging`);
    await expect(attempts(ada, sha)).toHaveCount(1);
  });

  await test.step("Ada allows it, with a reason, and it boards once more", async () => {
    await ada.goto(failed);
    const allow = ada.locator("details.ask").filter({ has: ada.getByLabel("Why it may be tried again") });
    await allow.locator("summary").click();
    await allow.getByLabel("Why it may be tried again").fill("The mail server is back");
    await allow.getByRole("button").click();
    await ada.goto(`/services/${SERVICE}?slot=staging`);
    await expect(attempts(ada, sha)).toHaveCount(2, long);
    await expect(attempts(ada, sha).filter({ hasText: "Rolled back" })).toHaveCount(2, long);
  });
});

/** Deployments of the image in the slot shown. */
function attempts(page, sha) {
  return page.getByRole("table", { name: "Recent deployments" }).getByRole("row").filter({ hasText: sha });
}
