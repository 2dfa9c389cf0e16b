// Chromium, and what must hold on whatever page a test opens: no error in the console, no dialog, nothing asked of another server.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const installed = process.env.ABIDE_BROWSER_JS;
if (!installed) throw new Error("ABIDE_BROWSER_JS names no folder with playwright-core: `cargo xtask test` does");
export const require = createRequire(path.join(installed, "package.json"));
const { chromium } = require("playwright-core");

/** A page of a debug build on a busy machine takes its time; what is waited for comes, or the test has failed. */
const LONGEST_MS = 240_000;

/** Nothing that a browser does on its own: this machine may reach no network. */
const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--font-render-hinting=none",
];

let browser;

async function launched() {
  // Chromium's sandbox does not work for root, who tests in a container.
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  browser ??= await chromium.launch({
    executablePath: process.env.ABIDE_CHROMIUM ?? "/usr/bin/chromium",
    args: [...QUIET, ...sandbox],
    timeout: LONGEST_MS,
  });
  return browser;
}

/** Ends the browser. */
export async function closed() {
  await browser?.close();
  browser = undefined;
}

/**
 * Opens a visitor of a server: a browser context of its own, with one page.
 *
 * `options` are Playwright's for contexts, with `expected`: patterns of console errors that belong to the test.
 */
export async function visit(server, options = {}) {
  const { expected = [], ...context } = options;
  const visitor = await (await launched()).newContext({
    baseURL: server.url,
    viewport: { width: 1280, height: 900 },
    // Times in screenshots are those of everywhere.
    timezoneId: "UTC",
    locale: "en-GB",
    ...context,
  });
  visitor.setDefaultTimeout(LONGEST_MS);
  const faults = [];
  const watch = (page) => {
    page.on("console", (message) => {
      const known = expected.some((pattern) => pattern.test(message.text()));
      if (["error", "warning"].includes(message.type()) && !known) faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`script: ${error.stack ?? error}`));
    page.on("dialog", async (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
  };
  visitor.on("page", watch);
  visitor.on("request", (request) => {
    const { origin } = new URL(request.url());
    if (origin !== server.url && !server.also.has(origin)) faults.push(`asked of another server: ${request.url()}`);
  });
  const page = await visitor.newPage();
  return { visitor, page, faults };
}

/** Opens a path, which must be found. The answer. */
export async function open(page, route) {
  const answer = await page.goto(route);
  assert.equal(answer.status(), 200, `${route}: ${answer.status()}`);
  return answer;
}

/** Does something that leads to another document, and waits for that. */
export async function leads(page, act) {
  const [answer] = await Promise.all([page.waitForNavigation(), act()]);
  assert.ok(answer === null || answer.status() < 400, `${page.url()}: ${answer?.status()}`);
}

/**
 * Presses what does something, as somebody would: opens what it is hidden in, fills its fields by their labels, sends it. What the next page says.
 * `within`: the part of the page where the button is, if there are several.
 */
export async function press(page, name, fields = {}, within = page) {
  const form = within.getByTestId(`form-${name}`).first();
  await reveal(form);
  for (const [label, value] of Object.entries(fields)) {
    const field = form.getByLabel(label, { exact: true });
    await reveal(field);
    const kind = await field.evaluate((it) => (it.tagName === "SELECT" ? "select" : it.type));
    if (kind === "select") await field.selectOption(value);
    else if (kind === "checkbox") await field.setChecked(value);
    else await field.fill(value);
  }
  await leads(page, () => form.getByTestId(`button-${name}`).click());
  const flash = page.getByTestId("flash");
  return (await flash.count()) ? flash.first().textContent() : "";
}

/** Opens what something is hidden in, from the outside in. */
export async function reveal(hidden) {
  const around = hidden.locator("xpath=ancestor-or-self::details");
  for (let nth = 0; nth < (await around.count()); nth++) {
    const details = around.nth(nth);
    if (!(await details.evaluate((it) => it.open))) await details.locator("xpath=./summary").click();
  }
}
