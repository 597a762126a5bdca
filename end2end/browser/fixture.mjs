// What every story shares: a page whose every complaint fails the test, people who log in, and a forge to push to.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, test as base } from "@playwright/test";

export { expect };

const { FORGE_URL, YARDMASTER_URL } = process.env;

/** A rollout on a slow machine takes its time. */
export const long = { timeout: 240_000 };

/** Console errors, uncaught exceptions and failed answers of a page; empty when the story ends. */
function watch(context, complaints) {
  context.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => complaints.push(`page: ${error.error().stack ?? error.error()}`));
  context.on("response", (response) => {
    if (response.status() >= 500) complaints.push(`${response.status()} ${response.url()}`);
  });
}

export const test = base.extend({
  /** What the pages complained of so far. A story that provokes something takes it out. */
  complaints: async ({}, use) => {
    const complaints = [];
    await use(complaints);
    expect(complaints, "what the pages complained of").toEqual([]);
  },

  /** `someone(options)`: a browser of its own, watched. */
  someone: async ({ browser, complaints }, use) => {
    const contexts = [];
    await use(async (options = {}) => {
      const context = await browser.newContext(options);
      contexts.push(context);
      watch(context, complaints);
      return context;
    });
    for (const context of contexts) await context.close();
  },

  /** A line of its own to the program, which can be cut and mended. */
  line: async ({}, use) => {
    const line = new Line(new URL(YARDMASTER_URL));
    await line.mend();
    await use(line);
    await line.cut();
  },

  /** `logIn("Lee Lead")`: a page of a browser of their own, logged in. */
  logIn: async ({ someone }, use) => {
    await use(async (name, options = {}) => {
      const page = await (await someone(options)).newPage();
      await page.goto("/login");
      await pass(page, name);
      return page;
    });
  },
});

/** From the login page, by the persona's button, to where the reader wanted to go. */
export async function pass(page, name) {
  await page.getByRole("link", { name: "Acme single sign-on" }).click();
  await page.getByRole("button", { name }).click();
  await page.waitForURL((url) => url.origin === new URL(YARDMASTER_URL).origin && url.pathname !== "/login");
  await expect(page.locator("header.top details.me > summary")).toHaveText(name);
}

/** Somebody pushes a commit; its short id. */
export async function push(service, branch, author, message) {
  const answer = await fetch(`${FORGE_URL}/_forge/push`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ service, branch, author, message }),
  });
  const pushed = await answer.json();
  if (!answer.ok) throw new Error(pushed.error);
  return pushed.sha.slice(0, 7);
}

/** The board's cell of one service in one environment. */
export function cell(page, service, environment) {
  return page
    .getByRole("row")
    .filter({ has: page.getByRole("rowheader").getByRole("link", { name: service, exact: true }) })
    .locator(`td[data-label="${environment}"]`);
}

/** Passes bytes on between a port of its own and the program. (Playwright's offline mode leaves an open stream open.) */
class Line {
  #sockets = new Set();
  #server;
  #target;
  #port = 0;

  constructor(target) {
    this.#target = target;
  }

  get url() {
    return `http://${this.#target.hostname}:${this.#port}`;
  }

  async mend() {
    this.#server = createServer((near) => {
      const far = connect(Number(this.#target.port), this.#target.hostname);
      for (const [socket, other] of [[near, far], [far, near]]) {
        this.#sockets.add(socket);
        socket.on("error", () => other.destroy());
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    this.#server.listen(this.#port, this.#target.hostname);
    await once(this.#server, "listening");
    this.#port = this.#server.address().port;
  }

  async cut() {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
