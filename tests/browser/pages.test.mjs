// What holds for every page: accessible, light and dark, on a phone, without JavaScript, by keyboard; and what is found where nothing is.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { leads, open } from "./harness/browser.mjs";
import { populate } from "./harness/fixtures.mjs";
import { accessible, fits, guarded, untouched } from "./harness/look.mjs";
import { SECTIONS, everyPage } from "./harness/pages.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

const DESK = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740 };

let server;
let runs;
let pages;

before(async () => {
  server = await Server.open();
  // It tells nobody: nothing may be asked of this machine. So there is a message that is refused.
  const pager = { name: "pager", target: { kind: "webhook", url: "http://127.0.0.1:9/", format: "slack" }, rules: [{ on: "run_failed" }] };
  await server.api("POST", "/api/v1/notifications", pager);
  runs = await populate(server);
  await server.until("a message is refused", async () => (await server.api("GET", "/api/v1/notifications/pager")).messages.length > 0);
  const hook = { name: "billing", provider: "github", secret: "sixteen characters at least" };
  await server.api("POST", "/api/v1/webhooks", hook);
  pages = [...(await everyPage(server, runs)), "/notifications/pager"];
});
after(() => server?.stop());

const guard = () => server;

pageTest("every page is accessible in the dark, and in the light on a phone with what can be opened opened; it has a title, one heading, and the headers that keep it alone", guard, async ({ page }) => {
  const titles = new Map();
  for (const route of pages) {
    await page.setViewportSize(DESK);
    await page.emulateMedia({ colorScheme: "dark" });
    guarded(await open(page, route), route);
    await untouched(page, route);
    assert.equal(await page.locator("h1").count(), 1, route);
    const title = await page.title();
    assert.ok(!titles.has(title) || route.startsWith("/runs/"), `${route} has the title of ${titles.get(title)}: ${title}`);
    titles.set(title, route);
    const current = await page.locator('nav[aria-label="Sections"] [aria-current="page"]').count();
    assert.equal(current, 1, `${route}: one section is the current one`);
    await accessible(page, `${route}, dark`);
    await page.setViewportSize(PHONE);
    await page.emulateMedia({ colorScheme: "light" });
    await page.evaluate(() => document.querySelectorAll("details").forEach((it) => (it.open = true)));
    await fits(page, route);
    await accessible(page, `${route}, light on a phone`);
  }
});

pageTest("the switch for light and dark is remembered", guard, { colorScheme: "light" }, async ({ page }) => {
  const colour = () => page.evaluate(() => getComputedStyle(document.body).color);
  await open(page, "/runs");
  const light = await colour();
  await leads(page, () => page.getByRole("button", { name: "dark" }).click());
  assert.equal(new URL(page.url()).pathname, "/runs");
  const dark = await colour();
  assert.notEqual(dark, light);
  await open(page, "/events");
  assert.equal(await colour(), dark);
  await accessible(page);
  await leads(page, () => page.getByRole("button", { name: "system" }).click());
  assert.equal(await colour(), light);
});

pageTest("what a page says, it says without JavaScript too", guard, async ({ page, server }) => {
  const plain = await page.context().browser().newContext({ javaScriptEnabled: false, baseURL: server.url });
  const reader = await plain.newPage();
  const words = async (it) => {
    const text = await it.locator("main").innerText();
    // Times and durations go on.
    return text.replace(/[\d.,:]+/g, "").split(/\s+/).filter((word) => word.length > 5);
  };
  for (const route of pages) {
    await open(page, route);
    await open(reader, route);
    const read = new Set(await words(reader));
    assert.ok(read.size > 0, route);
    const missing = (await words(page)).filter((word) => !read.has(word));
    assert.deepEqual(missing, [], `${route} says this by JavaScript only`);
  }
  await plain.close();
});

pageTest("the navigation leads to every section", guard, async ({ page }) => {
  await open(page, "/runs");
  for (const [name, route] of Object.entries(SECTIONS)) {
    await leads(page, () => page.getByRole("navigation", { name: "Sections" }).getByRole("link", { name, exact: true }).click());
    assert.equal(new URL(page.url()).pathname, route);
  }
});

pageTest("the navigation works on a phone", guard, { viewport: PHONE }, async ({ page }) => {
  await open(page, "/runs");
  await leads(page, () => page.getByRole("link", { name: "Functions", exact: true }).click());
  assert.equal(new URL(page.url()).pathname, "/functions");
});

pageTest("the keyboard reaches everything that can be used, and one sees where it is", guard, async ({ page }) => {
  for (const route of ["/runs", `/runs/${runs.failed}`, "/functions/shop/charge", "/events", "/keys"]) {
    await open(page, route);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip", `${route}: first comes the way past the navigation`);
    const visible = "a[href], button:enabled, input:enabled:not([type=hidden]), select:enabled, textarea:enabled, summary, [tabindex='0']";
    const wanted = await page.locator(visible).evaluateAll((all) => all.filter((it) => it.checkVisibility() && it.tabIndex >= 0).length);
    const seen = new Set();
    for (let step = 0; step < wanted * 2 + 20; step++) {
      const focused = await page.evaluate(() => {
        const it = document.activeElement;
        if (it === document.body) return null;
        globalThis.order ??= new Map();
        if (!globalThis.order.has(it)) globalThis.order.set(it, globalThis.order.size);
        const style = getComputedStyle(it);
        // Of a date, the browser marks the part that has the focus.
        const shows = style.outlineStyle !== "none" || style.boxShadow !== "none" || ["radio", "checkbox", "datetime-local"].includes(it.type);
        return { nth: globalThis.order.get(it), shows, what: it.outerHTML.slice(0, 120) };
      });
      if (focused) {
        assert.ok(focused.shows, `${route}: one does not see that this has the focus: ${focused.what}`);
        if (seen.has(focused.nth) && focused.nth === 0 && seen.size > 1) break;
        seen.add(focused.nth);
      } else if (seen.size > 1) break;
      await page.keyboard.press("Tab");
    }
    assert.ok(seen.size >= wanted, `${route}: ${seen.size} of ${wanted} are reached`);
  }
});

pageTest("keys lead everywhere: ? lists them, g and a letter go to a section, / to the search, j and k through the rows", guard, async ({ page }) => {
  await open(page, "/");
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard" });
  await help.waitFor();
  await accessible(page, "the list of keys");
  const listed = await help.innerText();
  for (const name of Object.keys(SECTIONS)) assert.ok(listed.includes(name), name);
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "hidden" });
  // The second key counts for a moment only, which a slow machine may spend between the two: the clock of the page stands.
  await page.clock.setFixedTime(new Date());
  await page.keyboard.press("g");
  await leads(page, () => page.keyboard.press("r"));
  assert.equal(new URL(page.url()).pathname, "/runs");
  await page.keyboard.press("/");
  await page.keyboard.type("gjk?");
  assert.equal(await page.getByLabel("Condition").inputValue(), "gjk?", "in a field, keys are letters");
  await page.getByRole("heading", { level: 1 }).click();
  for (const key of ["j", "j", "j", "k"]) await page.keyboard.press(key);
  const second = await page.getByTestId("run-row").nth(1).getAttribute("data-run-id");
  await leads(page, () => page.keyboard.press("Enter"));
  assert.equal(new URL(page.url()).pathname, `/runs/${second}`);
});

pageTest("what is asked before something grave is done is left with Escape", guard, async ({ page }) => {
  await open(page, `/runs/${runs.sleeping}`);
  const asked = page.getByTestId("confirm-cancel");
  await asked.locator("summary").press("Enter");
  assert.equal(await asked.evaluate((it) => it.open), true);
  await page.keyboard.press("Escape");
  assert.equal(await asked.evaluate((it) => it.open), false);
  assert.ok(await asked.locator("summary").evaluate((it) => it === document.activeElement), "the focus is where it was");
});

pageTest("the overview says what needs attention, how things stand, and how they were in an hour, a day and a month", guard, async ({ page, server }) => {
  await server.api("POST", "/api/v1/functions/shop/pack/pause");
  await server.until("a run of the beginning is in the series", async () => {
    const { series } = await server.api("GET", "/api/v1/series?name=runs_started&name=store_bytes");
    return series.every(({ values }) => values.some((value) => value > 0));
  });
  await open(page, "/");
  const attention = await page.getByTestId("attention").innerText();
  assert.match(attention, /function shop\/charge\s+1 of 1 runs failed/);
  assert.match(attention, /the shop is being moved/, "a paused run");
  assert.match(attention, /function shop\/pack\s+since/, "a paused function");
  const tiles = await page.locator("#tiles").innerText();
  for (const name of ["Executing", "In memory", "Backlog", "Waiting", "Sleeping", "Commit, p99", "Store", "Memory"]) assert.match(tiles, new RegExp(name));
  assert.match(tiles, /Store\s+[\d.]+ [KMG]?i?B/);
  for (const range of ["hour", "day", "month"]) {
    await leads(page, () => page.getByTestId(`range-${range}`).click());
    assert.equal(await page.getByTestId(`range-${range}`).getAttribute("aria-current"), "page");
    for (const chart of ["throughput", "duration", "backlog", "concurrency", "pending", "work", "sync", "size"]) {
      assert.equal(await page.locator(`figure#chart-${chart}`).count(), 1, chart);
    }
    assert.ok(await page.locator("#chart-throughput path.chart-line").count(), `${range}: the runs are drawn`);
    assert.match(await page.locator("#chart-throughput desc").textContent(), /started: now/, "and said to who does not see");
  }
  await server.api("POST", "/api/v1/functions/shop/pack/resume");
});

pageTest("where nothing is, a page says so and what to do", guard, { expected: [/status of 40[04]/] }, async ({ page }) => {
  const nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  const routes = [`/runs/${nobody}`, "/runs/x", `/events/${nobody}`, "/events/%00", "/functions/shop/nothing", "/functions/x", "/apps/nothing", "/runs?cursor=x", "/runs?limit=100000", "/assets/nothing.js"];
  for (const route of routes) {
    const answer = await page.goto(route);
    assert.ok([400, 404].includes(answer.status()), `${route}: ${answer.status()}`);
    assert.match(answer.headers()["content-type"], /text\/html/, route);
    guarded(answer, route);
    await untouched(page, route);
    await accessible(page, route);
    const text = await page.locator("main").innerText();
    assert.ok(text.length > 40, `${route}: ${text}`);
  }
});
