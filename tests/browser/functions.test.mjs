// Functions and apps: what is configured, what goes on, pausing and invoking.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { open, press } from "./harness/browser.mjs";
import { populate } from "./harness/fixtures.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

let server;

before(async () => {
  server = await Server.open();
  await populate(server);
});
after(() => server?.stop());

const guard = () => server;
const main = (page) => page.locator("main").innerText();

pageTest("the list names every function, and leads to it", guard, async ({ page, server }) => {
  await open(page, "/functions");
  const { data } = await server.api("GET", "/api/v1/functions");
  for (const { app, function: name } of data) {
    assert.ok(await page.locator(`main a[href="/functions/${app}/${name}"]`).count(), name);
  }
});

pageTest("a function shows its triggers, its configuration in force, its queue and its limits in use", guard, async ({ page, server }) => {
  await open(page, "/functions/shop/review");
  assert.match(await main(page), /shop\/order\.placed/);
  assert.match(await main(page), /event\.data\.amount > 100000/);
  await open(page, "/functions/shop/one-by-one");
  const bill = await server.api("GET", "/api/v1/functions/shop/one-by-one");
  const text = await main(page);
  for (const { value } of bill.options.filter((it) => !it.is_default)) assert.ok(text.includes(value), value);
  assert.match(text, /acme/, "the key that is in use");
});

pageTest("a schedule shows when it fires next", guard, async ({ page, server }) => {
  await open(page, "/functions/shop/report");
  const { schedules } = await server.api("GET", "/api/v1/functions/shop/report");
  const text = await main(page);
  assert.ok(text.includes(schedules[0].fires), schedules[0].fires);
  const times = await page.locator("main time").evaluateAll((all) => all.map((it) => Date.parse(it.getAttribute("datetime"))));
  for (const next of schedules[0].next) assert.ok(times.includes(Date.parse(next)), next);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  pageTest(`pause a function, then resume it${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    const paused = async () => (await server.api("GET", "/api/v1/functions/shop/import")).paused_at;
    await open(page, "/functions/shop/import");
    await press(page, "pause");
    assert.ok(await paused());
    assert.match(await main(page), /paused/i);
    await press(page, "resume");
    assert.equal(await paused(), null);
  });

  pageTest(`invoke a function with a payload${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    await open(page, "/functions/shop/pack");
    await press(page, "invoke", { Data: '{"id": 23}' });
    const run = new URL(page.url()).pathname.split("/")[2];
    const { function_id: name, output } = await server.reaches(run, "Completed");
    assert.deepEqual([name, output], ["shop/pack", { id: 23, kg: 4 }]);
  });
}

pageTest("an app shows its deployments with the code that runs are pinned to", guard, async ({ page, server }) => {
  await open(page, "/apps");
  assert.ok(await page.locator('main a[href="/apps/shop"]').count());
  await open(page, "/apps/shop");
  const [{ digest }] = (await server.api("GET", "/api/v1/apps/shop/deployments")).data;
  const html = await page.content();
  assert.ok(html.includes(digest.slice(0, 8)));
  assert.match(await main(page), /wasi|abide:durable/, "what it imports");
});
