// Archie's hands stay on the keyboard, his sessions are his to end, and a cut line costs him nothing.
import { cell, expect, long, pass, push, test } from "./fixture.mjs";

const PERSON = "Archie Architect";
const SERVICE = "reporting";

test("the keyboard reaches everything, and one sees where it is", async ({ logIn }) => {
  const archie = await logIn(PERSON);
  await archie.goto("/");
  await streaming(archie);

  await archie.keyboard.press("Tab");
  const skip = archie.getByRole("link", { name: "Skip to content" });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await archie.keyboard.press("Enter");
  await expect(archie.locator("#main")).toBeFocused();

  await test.step("each stop of the walk shows where it is", async () => {
    await archie.goto("/");
    await streaming(archie);
    for (let stop = 0; stop < 40; stop += 1) {
      await archie.keyboard.press("Tab");
      const focus = await archie.evaluate(() => {
        const element = document.activeElement;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        return {
          name: `${element.tagName} ${element.textContent.trim().slice(0, 40)}`,
          marked: (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none",
          seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
        };
      });
      expect.soft(focus, `stop ${stop}`).toMatchObject({ marked: true, seen: true });
    }
  });

  await test.step("a menu opens, is walked and closes", async () => {
    const trains = archie.locator("details.menu").filter({ hasText: "Trains" });
    await trains.locator("summary").focus();
    await archie.keyboard.press("Enter");
    await expect(trains).toHaveAttribute("open");
    await archie.keyboard.press("Escape");
    await expect(trains).not.toHaveAttribute("open");
    await trains.locator("summary").focus();
    await archie.keyboard.press("Enter");
    await archie.keyboard.press("Tab");
    await archie.keyboard.press("Tab");
    await archie.keyboard.press("Tab");
    await archie.keyboard.press("Enter");
    await expect(archie).toHaveURL(/\/environments\/production$/);
    await expect(archie.getByRole("heading", { level: 1, name: "production" })).toBeVisible();
    await expect(trains).not.toHaveAttribute("open");
  });

  await test.step("the key / leads to the search, and Enter finds", async () => {
    await archie.keyboard.press("/");
    await expect(archie.getByRole("searchbox", { name: "Search services" })).toBeFocused();
    await archie.keyboard.type("check/out");
    await expect(archie.getByRole("searchbox", { name: "Search services" })).toHaveValue("check/out");
    await archie.getByRole("searchbox", { name: "Search services" }).fill("checkout");
    await archie.keyboard.press("Enter");
    await expect(archie).toHaveURL(/\?search=checkout$/);
    await expect(archie.getByRole("main").getByRole("rowheader")).toHaveCount(1);
  });
});

test("the theme chosen stays", async ({ logIn }) => {
  const archie = await logIn(PERSON);
  const root = archie.locator("html");
  for (const [word, theme] of [["Dark", "dark"], ["Light", "light"], ["As the system", "system"]]) {
    const menu = archie.locator("details.theme");
    await menu.locator("summary").click();
    await menu.getByRole("button", { name: word, exact: true }).click();
    await expect(root).toHaveAttribute("data-theme", theme);
    await archie.goto("/metrics");
    await expect(root).toHaveAttribute("data-theme", theme);
  }
});

test("Archie ends another session, and logs out of this one", async ({ logIn, complaints }) => {
  const here = await logIn(PERSON, { userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" });
  await here.goto("/sessions");
  const rows = here.getByRole("table", { name: "Your sessions" }).locator("tbody tr");
  const mine = rows.filter({ hasText: "This one" });
  await expect(mine).toHaveCount(1);
  const there = await logIn(PERSON, { userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1" });
  await streaming(there);

  await here.reload();
  const other = rows.filter({ hasText: /iPhone|iOS/ });
  await expect(other).toHaveCount(1);
  await other.getByRole("button", { name: "End session" }).click();
  await expect(other).toHaveCount(0);
  await expect(mine).toHaveCount(1);
  await expect(there.getByRole("alert").first()).toContainText("your session has ended");
  await there.goto("/audit?actor=lee");
  await expect(there).toHaveURL(/\/login\?return_to=/);
  await expect(there.getByRole("heading", { level: 1, name: "Log in to Yardmaster" })).toBeVisible();

  await test.step("logging in again leads back to where he was", async () => {
    await pass(there, PERSON);
    await expect(there).toHaveURL(/\/audit\?actor=lee$/);
  });

  await test.step("a log-out kills the session, not only its cookie", async () => {
    const cookies = await here.context().cookies();
    await here.locator("details.me > summary").click();
    await here.getByRole("button", { name: "Log out" }).click();
    await expect(here).toHaveURL(/\/login/);
    await here.context().addCookies(cookies);
    await here.goto("/sessions");
    await expect(here).toHaveURL(/\/login\?return_to=/);
    // The other one lives on.
    await there.goto("/sessions");
    await expect(there.getByRole("heading", { level: 1, name: "Your sessions" })).toBeVisible();
  });

  // Browsers say of each answer to an ended session that it was refused: that is what was provoked here.
  takeOut(complaints, /^console: Failed to load resource: .* 401 /);
});

test("what happened while the line was cut is there once it is back", async ({ logIn, line, complaints }) => {
  const archie = await logIn(PERSON);
  await archie.goto(`${line.url}/`);
  const cut = archie.locator("header.top .cut");
  const slot = cell(archie, SERVICE, "development").locator("a.runs");
  await streaming(archie);
  await archie.evaluate(() => (window.neverReloaded = true));

  await line.cut();
  await expect(cut).toHaveText("Reconnecting…");
  const sha = await push(SERVICE, "feature/cut-line", "jun", "Report while nobody looks");
  const watcher = await logIn(PERSON);
  await watcher.goto("/");
  await expect(cell(watcher, SERVICE, "development").locator("a.runs")).toContainText(sha, long);
  await expect(slot).not.toContainText(sha);

  await line.mend();
  await expect(cut).toBeEmpty();
  await expect(slot).toContainText(sha);
  expect(await archie.evaluate(() => window.neverReloaded)).toBe(true);

  await archie.close();
  // The browser says of each try that it failed: that is what was provoked here, and nothing else.
  takeOut(complaints, /^console: Failed to load resource: net::ERR_/);
});

function takeOut(complaints, provoked) {
  complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !provoked.test(complaint)));
}

/** The page's scripts listen to the stream of news. */
async function streaming(page) {
  await expect
    .poll(() => page.evaluate(() => performance.getEntriesByType("resource").some((entry) => entry.name.endsWith("_bg.wasm"))))
    .toBe(true);
  await expect(page.locator("header.top .cut")).toBeEmpty();
}
