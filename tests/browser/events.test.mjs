// Events: what came in, what each started and did not start and why; sending and sending again.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { leads, open, press, reveal } from "./harness/browser.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

let server;

before(async () => {
  server = await Server.open();
});
after(() => server?.stop());

const guard = () => server;
const main = (page) => page.locator("main").innerText();
const eventOf = (page) => new URL(page.url()).pathname.split("/")[2];

/** What a page says about what became of an event at one function. */
const about = (page, name) => page.locator(`[data-testid="match-row"][data-function="${name}"]`).innerText();

pageTest("an event shows its payload, what it started, and what it did not start and why", guard, async ({ page, server }) => {
  const run = await server.start("shop/fulfil", "shop/order.placed", { id: 1, amount: 30 }, "Completed");
  const { event_id: event } = await server.run(run);
  await open(page, `/events/${event}`);
  assert.ok(await page.locator(`main a[href="/runs/${run}"]`).count(), "the run that it started");
  assert.match(await main(page), /"amount":\s*30/);
  assert.match(await about(page, "shop/review"), /event\.data\.amount > 100000/, "the condition that does not hold");
});

pageTest("a rate limit and a duplicate are named as the reason", guard, async ({ page, server }) => {
  await server.start("shop/seldom", "shop/stock.low", { shelf: 1 }, "Completed");
  const skipped = await server.start("shop/seldom", "shop/stock.low", { shelf: 2 }, "Skipped");
  const { event_id: event } = await server.run(skipped);
  await open(page, `/events/${event}`);
  assert.match(await about(page, "shop/seldom"), /rate/i);

  const twice = { id: "the-same", name: "shop/reminder.set", data: { sleep_ms: 1 } };
  const { ids: first } = await server.api("POST", "/e/any", twice);
  const { ids: second } = await server.api("POST", "/e/any", twice);
  await server.until("the first has run", async () => (await server.api("GET", `/api/v1/events/${first[0]}`)).runs.length === 1);
  await open(page, `/events/${second[0]}`);
  assert.match(await about(page, "shop/nap"), /same id|already|duplicate/i);
});

pageTest("the list says how many runs each event started, and leads to them", guard, async ({ page, server }) => {
  const run = await server.start("shop/nap", "shop/reminder.set", { sleep_ms: 1 }, "Completed");
  const { event_id: event } = await server.run(run);
  const nothing = await server.send("nobody/hears.this", {});
  await open(page, "/events");
  const row = (id) => page.locator(`[data-testid="event-row"][data-event-id="${id}"]`);
  assert.match(await row(nothing).innerText(), /none/);
  await leads(page, () => row(event).getByRole("link", { name: "1", exact: true }).click());
  assert.deepEqual(await page.getByTestId("run-row").evaluateAll((all) => all.map((it) => it.dataset.runId)), [run]);
});

pageTest("a new event appears without a reload", guard, async ({ page, server }) => {
  await open(page, "/events");
  await page.evaluate(() => (globalThis.loaded = "once"));
  const event = await server.send("nobody/listens", { n: 1 });
  await page.locator(`main a[href="/events/${event}"]`).first().waitFor();
  assert.equal(await page.evaluate(() => globalThis.loaded), "once");
});

pageTest("what came between a page and its stream appears too", guard, async ({ page, server }) => {
  let opened;
  const asked = new Promise((resolve) => (opened = resolve));
  await page.route("**/api/v1/stream*", opened);
  await open(page, "/events");
  const stream = await asked;
  const event = await server.send("nobody/listened.yet", { n: 1 });
  await stream.continue();
  await page.locator(`main a[href="/events/${event}"]`).first().waitFor();
});

pageTest("the list is searched by name", guard, async ({ page, server }) => {
  const event = await server.send("nobody/seeks.me", { n: 1 });
  await server.send("nobody/else", { n: 2 });
  await open(page, "/events");
  await press(page, "filter", { Name: "nobody/seeks.me" });
  const links = await page.locator('main table a[href^="/events/01"]').evaluateAll((all) => all.map((it) => it.getAttribute("href")));
  assert.deepEqual([...new Set(links)], [`/events/${event}`]);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  pageTest(`an event is sent by hand${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    await open(page, "/events");
    await press(page, "send", { Name: "shop/reminder.set", Data: '{"sleep_ms": 3600000, "big": 12345678901234567890}' });
    const [event] = (await server.api("GET", "/api/v1/events?name=shop/reminder.set&limit=1")).data;
    assert.equal(eventOf(page), event.event_id);
    assert.match(await main(page), /12345678901234567890/, "digits stay as they were typed");
    assert.deepEqual(event.data.sleep_ms, 3600000);
  });

  pageTest(`an event is sent again, edited${how}`, guard, { javaScriptEnabled }, async ({ page, server }) => {
    const first = await server.send("shop/reminder.set", { sleep_ms: 1, who: "me" });
    await open(page, `/events/${first}`);
    const form = page.getByTestId("form-resend");
    await reveal(form);
    assert.deepEqual(JSON.parse(await form.getByLabel("Data").inputValue()), { sleep_ms: 1, who: "me" });
    await press(page, "resend", { Data: '{"sleep_ms": 2, "who": "you"}' });
    assert.notEqual(eventOf(page), first);
    const { name, data } = await server.api("GET", `/api/v1/events/${eventOf(page)}`);
    assert.deepEqual([name, data], ["shop/reminder.set", { sleep_ms: 2, who: "you" }]);
  });
}

pageTest("what a schema refuses is not sent, and the page says where it is wrong", guard, { expected: [/status of 4\d\d/] }, async ({ page, server }) => {
  const before = (await server.api("GET", "/api/v1/events?name=shop/charge.asked")).data.length;
  await open(page, "/events");
  const form = page.getByTestId("form-send");
  await reveal(form);
  await form.getByLabel("Name").fill("shop/charge.asked");
  await form.getByLabel("Data").fill('{"amount": "much"}');
  await form.getByTestId("button-send").click();
  const fault = page.getByTestId("fault");
  await fault.waitFor();
  assert.match(await fault.innerText(), /amount/);
  assert.ok((await page.content()).includes("much"), "what was typed is still there");
  assert.equal((await server.api("GET", "/api/v1/events?name=shop/charge.asked")).data.length, before);
});

pageTest("an event with a schema has a form of its fields", guard, async ({ page, server }) => {
  await open(page, "/events/new");
  const choose = page.getByTestId("form-choose");
  await choose.getByLabel("Name").fill("shop/charge.asked");
  await leads(page, () => choose.getByRole("button").click());
  const form = page.getByTestId("form-send");
  await form.getByLabel(/^amount/).fill("77");
  await form.getByLabel(/^currency/).selectOption({ label: "USD" });
  await form.getByLabel(/^urgent/).selectOption("true");
  await leads(page, () => form.getByTestId("button-send").click());
  const { data } = await server.api("GET", `/api/v1/events/${eventOf(page)}`);
  assert.deepEqual(data, { amount: 77, currency: "USD", urgent: true });
  await open(page, "/events/new?name=shop/charge.asked");
  await leads(page, () => page.getByRole("link", { name: "Type it as JSON instead" }).click());
  assert.deepEqual(JSON.parse(await page.getByTestId("form-send").getByLabel("Data").inputValue()), { amount: 0 });
});
