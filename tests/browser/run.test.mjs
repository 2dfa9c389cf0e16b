// The page of a run: why it stands where it stands, what it did, and everything that can be done to it, judged by what the API says afterwards.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before } from "node:test";

import { leads, open, press, reveal } from "./harness/browser.mjs";
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
const sleeper = () => server.start("shop/nap", "shop/reminder.set", { sleep_ms: HOUR_MS }, "Sleeping");
const main = (page) => page.locator("main").innerText();

pageTest("one sentence says why a run does not go on", guard, async ({ page }) => {
  const sentences = {
    sleeping: /sleeps until/i,
    waiting: /waits for.*shop\/payment\.approved.*id.*42.*until/is,
    retrying: /next attempt 2 of 5.*download.*503/is,
    queued: /queued.*1 run for "acme" under way/is,
    paused: /the shop is being moved/i,
  };
  for (const [state, sentence] of Object.entries(sentences)) {
    await open(page, `/runs/${runs[state]}`);
    assert.match(await main(page), sentence, state);
  }
});

pageTest("a run that went through everything shows every step, its attempts, its child and what it sent", guard, async ({ page, server }) => {
  const run = await server.run(runs.completed);
  await open(page, `/runs/${runs.completed}`);
  await page.evaluate(() => document.querySelectorAll("details").forEach((it) => (it.open = true)));
  const text = await main(page);
  for (const step of run.steps) assert.ok(text.includes(step.id), step.id);
  assert.match(text, /503 from the courier/);
  assert.match(text, /the courier does not answer/, "the log lines of the step");
  assert.match(text, /order 7 over 1900/, "the log lines of the run");
  const children = (await server.runs("function=shop/pack")).map((it) => it.run_id);
  const child = children.find((id) => text.includes(id)) ?? children[0];
  assert.ok(await page.locator(`main a[href="/runs/${child}"]`).count(), "a link to the invoked run");
  assert.ok(await page.locator(`main a[href="/events/${run.event_id}"]`).count(), "a link to its event");
  const [sent] = (await server.api("GET", "/api/v1/events?name=shop/order.shipped")).data;
  assert.ok(await page.locator(`main a[href="/events/${sent.event_id}"]`).count(), "a link to the event that it sent");
});

pageTest("a failed run shows its error with the guest's stack", guard, async ({ page }) => {
  await open(page, `/runs/${runs.failed}`);
  await page.evaluate(() => document.querySelectorAll("details").forEach((it) => (it.open = true)));
  const text = await main(page);
  assert.match(text, /Declined/);
  assert.match(text, /500 is more than the card's limit of 100/);
  assert.match(text, /shop\/src\/states\.rs/);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  pageTest(`cancel, with a reason${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    const run = await sleeper();
    await open(page, `/runs/${run}`);
    await press(page, "cancel", { Reason: "no <b>longer</b> wanted" });
    const { status, error } = await server.reaches(run, "Cancelled");
    assert.equal(status, "Cancelled");
    assert.match(error.message, /no <b>longer<\/b> wanted/);
    assert.match(await main(page), /no <b>longer<\/b> wanted/);
    assert.equal(await page.getByTestId("form-cancel").count(), 0, "it cannot be cancelled twice");
  });

  pageTest(`pause, then resume${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    const run = await sleeper();
    await open(page, `/runs/${run}`);
    await press(page, "pause", { Reason: "lunch" });
    assert.equal((await server.reaches(run, "Paused")).paused_reason, "lunch");
    await press(page, "resume");
    await server.reaches(run, "Sleeping");
  });

  pageTest(`replay a run that failed${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    await open(page, `/runs/${runs.failed}`);
    await press(page, "replay");
    const again = new URL(page.url()).pathname.split("/")[2];
    assert.notEqual(again, runs.failed);
    const run = await server.reaches(again, "Failed");
    assert.equal(run.original_run_id, runs.failed);
  });

  pageTest(`replay from a step with another input${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    await open(page, `/runs/${runs.failed}`);
    await press(page, "replay-step-charge", { Input: '{"amount": 55}' });
    const again = new URL(page.url()).pathname.split("/")[2];
    const run = await server.reaches(again, "Completed");
    assert.deepEqual(run.output, { charged: 55, fee: 3 });
    assert.equal(run.original_run_id, runs.failed);
    assert.equal(run.steps.find((it) => it.id === "fee").carried_over, true);
    assert.equal(run.steps.find((it) => it.id === "charge").input_replaced, true);
  });

  pageTest(`send the event that a run waits for${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    const run = await server.start("shop/approve", "shop/payment.large", { id: 4711 }, "Waiting");
    await open(page, `/runs/${run}`);
    const form = page.getByTestId("form-send");
    const data = JSON.parse(await form.getByLabel("Data").inputValue());
    assert.equal(data.id, 4711, "what must match is filled in");
    await press(page, "send", { Data: JSON.stringify({ ...data, by: "the director" }) });
    const { output } = await server.reaches(run, "Completed");
    assert.deepEqual(output, { id: 4711, by: "the director" });
  });
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  pageTest(`send the signal that a run waits for${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    const id = javaScriptEnabled ? 1 : 2;
    const run = await server.start("shop/deliver", "shop/parcel.left", { id }, "Waiting");
    await open(page, `/runs/${run}`);
    assert.match(await page.getByTestId("why").innerText(), new RegExp(`waits for the signal delivered-${id}, until`, "i"));
    const told = await press(page, "signal", { Data: '{"at": "the door"}' });
    assert.match(told, /woke this run/);
    const { output } = await server.reaches(run, "Completed");
    assert.deepEqual(output, { id, signal: { at: "the door" } });
  });
}

pageTest("where the time of a run went is shown as the API has it", guard, async ({ page, server }) => {
  const { timings } = await server.run(runs.completed);
  await open(page, `/runs/${runs.completed}`);
  const shown = await page.getByTestId("split").innerText();
  const inWords = (us) => (us < 1000 ? `${us} µs` : us < 100_000 ? `${Math.floor(us / 1000)}.${Math.floor((us % 1000) / 100)} ms` : /\d (ms|s)/);
  const { replay_us: replay, guest_us: guest, host_us: host, sync_us: sync } = timings.execution;
  const shares = { Queue: timings.queue_ms * 1000, Replay: replay, Guest: guest, Host: host, Sync: sync };
  for (const [name, us] of Object.entries(shares)) {
    const figure = new RegExp(`${name}\\s+(.*)`).exec(shown)?.[1] ?? "";
    assert.ok(figure.match(inWords(us)), `${name}: ${us} µs is shown as ${figure}`);
  }
  // How many of them took any time differs from machine to machine.
  const parts = Object.values(shares).filter((us) => us > 0).length;
  assert.equal(await page.getByTestId("split").locator("rect").count(), parts, JSON.stringify(shares));
});

pageTest("where the time of a step went is shown in the step, of those that executed something", guard, async ({ page, server }) => {
  const { steps } = await server.run(runs.completed);
  await open(page, `/runs/${runs.completed}`);
  for (const { id, kind, timings } of steps) {
    const split = page.locator(`[data-testid="step-row"][data-step="${id}"]`).getByTestId("step-split");
    assert.equal(timings !== null, ["run", "fetch", "ai-infer"].includes(kind), `${id}: ${kind}`);
    if (timings === null) {
      assert.equal(await split.count(), 0, id);
      continue;
    }
    assert.deepEqual(await split.locator("dt").allTextContents(), ["Queue", "Replay", "Guest", "Host", "Sync"]);
    const shown = Object.values(timings).filter((us) => us > 0).length;
    assert.equal(await split.locator("rect").count(), shown, JSON.stringify(timings));
  }
});

pageTest("the steps of an invoked run stand inside the step that invoked it, and lead to it", guard, async ({ page, server }) => {
  await open(page, `/runs/${runs.completed}`);
  const pack = page.locator('[data-testid="step-row"][data-step="pack"]');
  const step = pack.getByTestId("child-step");
  assert.deepEqual(await step.locator("bdi").allTextContents(), ["weigh"]);
  await leads(page, () => step.getByRole("link", { name: "weigh" }).click());
  const child = await server.run(new URL(page.url()).pathname.split("/")[2]);
  assert.deepEqual([child.function_id, child.parent_run_id], ["shop/pack", runs.completed]);
  assert.equal(await page.getByTestId("step-weigh").evaluate((it) => it.open), true);
});

pageTest("a run of many steps is shown in parts, each step once", guard, async ({ page, server }) => {
  const run = await server.start("shop/steps", "shop/stock.count", { count: 450 }, "Completed");
  await open(page, `/runs/${run}`);
  const seen = [];
  for (;;) {
    seen.push(...(await page.getByTestId("step-row").evaluateAll((all) => all.map((it) => it.dataset.step))));
    const after = page.getByTestId("steps-after");
    if (!(await after.count())) break;
    await leads(page, () => after.click());
  }
  assert.deepEqual(seen, (await server.run(run)).steps.map((step) => step.id));
  await leads(page, () => page.getByTestId("steps-before").click());
  assert.equal(await page.getByTestId("step-row").first().getAttribute("data-step"), seen[200]);
});

pageTest("an input that is no JSON is not sent, and what was typed stays", guard, async ({ page, server }) => {
  const before = (await server.runs("function=shop/charge")).length;
  await open(page, `/runs/${runs.failed}`);
  const form = page.getByTestId("form-replay-step-charge");
  await reveal(form);
  await form.getByLabel("Input").fill('{"amount": ');
  await form.getByTestId("button-replay-step-charge").click();
  assert.equal(await form.getByLabel("Input").inputValue(), '{"amount": ');
  assert.equal((await server.runs("function=shop/charge")).length, before);
});

pageTest("the page follows its run without being loaded again", guard, async ({ page, server }) => {
  const run = await server.start("shop/approve", "shop/payment.large", { id: 815 }, "Waiting");
  await open(page, `/runs/${run}`);
  await page.evaluate(() => (globalThis.loaded = "once"));
  await server.send("shop/payment.approved", { id: 815, by: "nobody" });
  await server.reaches(run, "Completed");
  await page.locator("main").getByText("Completed").first().waitFor();
  await page.getByText("nobody").first().waitFor({ state: "attached" });
  assert.equal(await page.evaluate(() => globalThis.loaded), "once");
});

pageTest("what is open and in use stays so while the page follows its run", guard, async ({ page, server }) => {
  const run = await server.start("shop/fulfil", "shop/order.placed", { id: 99, amount: 5, sleep_ms: HOUR_MS }, "Sleeping");
  await open(page, `/runs/${run}`);
  const step = page.getByTestId("step-price");
  await step.locator("summary").first().click();
  await page.evaluate(() => (globalThis.loaded = "once"));
  const summary = step.locator("summary").first();
  await summary.focus();
  await server.api("POST", `/api/v1/runs/${run}/pause`, { reason: "to see what stays" });
  await page.getByText("to see what stays").first().waitFor();
  assert.equal(await step.evaluate((it) => it.open), true);
  assert.ok(await summary.evaluate((it) => it === document.activeElement), "the focus stays");
  assert.equal(await page.evaluate(() => globalThis.loaded), "once");
});

pageTest("export hands over the run as a file that import takes", guard, async ({ page, server }) => {
  await open(page, `/runs/${runs.completed}`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("link-export").click()]);
  const body = await readFile(await download.path());
  const answer = await fetch(`${server.url}/api/v1/import?check=true`, { method: "POST", body });
  const checked = await answer.json();
  assert.deepEqual([answer.status, checked.run_id, checked.status], [200, runs.completed, "Completed"]);
});
