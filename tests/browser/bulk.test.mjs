// What is done to many runs at once: one sees how many it would be, and only then is it done.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { leads, open, press } from "./harness/browser.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

const HOUR_MS = 3_600_000;

let server;

before(async () => {
  server = await Server.open();
  // Runs that nobody means.
  await server.start("shop/nap", "shop/reminder.set", { sleep_ms: HOUR_MS }, "Sleeping");
  await server.start("shop/charge", "shop/charge.asked", { amount: 900 }, "Failed");
});
after(() => server?.stop());

const guard = () => server;

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  pageTest(`many runs are cancelled after one sees how many${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    const mark = javaScriptEnabled ? "bulk-1" : "bulk-2";
    const many = [];
    for (let n = 0; n < 3; n++) many.push(await server.start("shop/nap", "shop/reminder.set", { sleep_ms: HOUR_MS, mark }, "Sleeping"));
    const others = (await server.runs("status=Sleeping")).filter((run) => !many.includes(run.run_id)).length;
    await open(page, `/runs?${new URLSearchParams({ if: `has(event.data.mark) && event.data.mark == '${mark}'` })}`);
    await leads(page, () => page.getByTestId("button-bulk-cancel").click());
    assert.equal(await page.getByTestId("bulk-count").getAttribute("data-count"), "3", "how many it would be");
    assert.equal((await server.runs("status=Sleeping")).length, others + 3, "nothing is done yet");
    await press(page, "bulk-confirm", { Reason: "all of them" });
    for (const run of many) await server.reaches(run, "Cancelled");
    assert.equal((await server.runs("status=Sleeping")).length, others, "and no other");
  });

  pageTest(`many failed runs are replayed after one sees how many${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    const mark = javaScriptEnabled ? "again-1" : "again-2";
    const many = [];
    for (let n = 0; n < 2; n++) many.push(await server.start("shop/charge", "shop/charge.asked", { amount: 900, note: mark }, "Failed"));
    await open(page, `/runs?${new URLSearchParams({ status: "Failed", if: `has(event.data.note) && event.data.note == '${mark}'` })}`);
    await leads(page, () => page.getByTestId("button-bulk-replay").click());
    assert.equal(await page.getByTestId("bulk-count").getAttribute("data-count"), "2");
    await press(page, "bulk-confirm");
    await server.until("both are done again", async () => {
      const done = await server.runs("function=shop/charge");
      return many.every((id) => done.some((run) => run.original_run_id === id));
    });
  });
}

pageTest("a job that goes on is shown and stopped, and does no more", guard, async ({ page, server }) => {
  const many = [];
  for (let n = 0; n < 3; n++) many.push(await server.start("shop/nap", "shop/reminder.set", { sleep_ms: HOUR_MS, mark: "stopped" }, "Sleeping"));
  const filter = { function: "shop/nap", if: "has(event.data.mark) && event.data.mark == 'stopped'" };
  // One run in a quarter of an hour.
  const { job_id: job } = await server.api("POST", "/api/v1/jobs", { action: "cancel", filter, rate_per_second: 0.001 });
  await open(page, "/runs");
  const line = page.locator(`[data-testid="job"][data-job-id="${job}"]`);
  assert.equal(await line.getAttribute("data-state"), "under way");
  assert.match(await press(page, "job-stop", {}, line), /stopped/);
  assert.equal(await line.getAttribute("data-state"), "stopped");
  const { state, done, ended_at: ended } = await server.api("GET", `/api/v1/jobs/${job}`);
  assert.equal(state, "stopped");
  assert.ok(ended);
  const left = (await server.runs("status=Sleeping")).filter((run) => many.includes(run.run_id)).length;
  assert.equal(left, many.length - done, "what was not done stays undone");
  assert.ok(left > 0);
});
