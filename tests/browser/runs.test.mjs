// The list of runs: filters, counts, pages, live rows, and what is done to many at once.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { leads, open, press } from "./harness/browser.mjs";
import { populate } from "./harness/fixtures.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

const HOUR_MS = 3_600_000;

let server;
let runs;

before(async () => {
  server = await Server.open();
  runs = await populate(server);
});
after(() => server?.stop());

const guard = () => server;

/** The ids of the runs that the table shows. */
const rows = (page) =>
  page.locator('main table a[href^="/runs/01"]').evaluateAll((links) => [...new Set(links.map((it) => it.getAttribute("href").split("/")[2]))]);

pageTest("the filters show what the API finds", guard, async ({ page, server }) => {
  const queries = [
    "status=Failed",
    "status=Sleeping",
    "function=shop/nap",
    "app=shop",
    "status=Sleeping&function=shop/nap",
    `since=${encodeURIComponent("2020-01-01T00:00:00Z")}`,
    `until=${encodeURIComponent("2020-01-01T00:00:00Z")}`,
    `if=${encodeURIComponent("event.data.amount == 500")}`,
  ];
  for (const query of queries) {
    await open(page, `/runs?${query}`);
    const found = (await server.runs(query)).map((run) => run.run_id);
    assert.deepEqual((await rows(page)).sort(), found.slice(0, 50).sort(), query);
  }
});

for (const javaScriptEnabled of [true, false]) {
  pageTest(`the filters are a form${javaScriptEnabled ? "" : ", without JavaScript too"}`, guard, { javaScriptEnabled }, async ({ page }) => {
    await open(page, "/runs");
    await press(page, "filter", { Function: "shop/charge" });
    assert.equal(new URL(page.url()).searchParams.get("function"), "shop/charge");
    assert.deepEqual(await rows(page), [runs.failed]);
    assert.equal(await page.getByTestId("form-filter").getByLabel("Function").inputValue(), "shop/charge", "the form remembers");
  });
}

pageTest("a condition that cannot be is answered with what is wrong, and the form keeps it", guard, async ({ page }) => {
  const condition = "event.data.amount === 1";
  await open(page, `/runs?${new URLSearchParams({ if: condition })}`);
  assert.match(await page.getByRole("alert").innerText(), /column 21/);
  assert.equal(await page.getByTestId("form-filter").getByLabel("Condition").inputValue(), condition);
});

pageTest("pages lead through all runs, each once", guard, async ({ page, server }) => {
  await server.api("POST", "/e/any", Array.from({ length: 120 }, (_, n) => ({ name: "shop/stock.count", data: { count: 1, n } })));
  await server.until("all have ended", async () => (await server.runs("function=shop/steps&status=Completed")).length > 120);
  const all = await server.runs("function=shop/steps");
  await open(page, "/runs?function=shop/steps");
  const seen = [];
  for (;;) {
    const here = await rows(page);
    for (const id of here) assert.ok(!seen.includes(id), `${id} is on two pages`);
    seen.push(...here);
    const next = page.getByRole("link", { name: /Older|Next/ });
    if (!(await next.count())) break;
    await leads(page, () => next.first().click());
  }
  assert.deepEqual(seen.sort(), all.map((run) => run.run_id).sort());
});

pageTest("a new run appears, and a run's new status, without a reload", guard, async ({ page, server }) => {
  await open(page, "/runs?function=shop/nap");
  await page.evaluate(() => (globalThis.loaded = "once"));
  const run = await server.start("shop/nap", "shop/reminder.set", { sleep_ms: HOUR_MS }, "Sleeping");
  const row = page.locator("main tr", { has: page.locator(`a[href="/runs/${run}"]`) });
  await row.locator('[data-status="sleeping"]').waitFor();
  await server.api("POST", `/api/v1/runs/${run}/cancel`, {});
  await row.locator('[data-status="cancelled"]').waitFor();
  assert.equal(await page.evaluate(() => globalThis.loaded), "once");
});
