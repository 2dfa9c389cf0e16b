// Notifications: made, tried, changed, switched off and removed by hand; what comes of it is looked at by the API and by whoever is told.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { after, before } from "node:test";

import { leads, open, press } from "./harness/browser.mjs";
import { accessible } from "./harness/look.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

/** Whoever is told: what came, and what is answered at which path. */
const told = [];
const answers = new Map();
const receiver = http.createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  told.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts).toString() });
  response.statusCode = answers.get(request.url) ?? 204;
  response.end();
});

let server;
let address;

before(async () => {
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  address = `127.0.0.1:${receiver.address().port}`;
  server = await Server.guarded(["--allow-net", address]);
});
after(async () => {
  await server?.stop();
  receiver.closeAllConnections();
  receiver.close();
});

const guard = () => server;
const shown = (name) => server.api("GET", `/api/v1/notifications/${name}`);
const make = (name, more = {}) =>
  server.api("POST", "/api/v1/notifications", {
    name,
    secret: SECRET,
    target: { kind: "webhook", url: `http://${address}/${name}/secret-path` },
    rules: [{ on: "run_failed" }],
    min_interval_s: 0,
    ...more,
  });
const SECRET = "whsec_dGhlIGtleSBvZiBhIHRlc3Qgb2YgdGhlIGRhc2hib2FyZA==";

/** Whoever holds a key looks at a page. */
async function enter(page, key, route) {
  await page.goto(`/sign-in?${new URLSearchParams({ next: route })}`);
  await page.getByLabel("API key").fill(key);
  await leads(page, () => page.getByRole("button", { name: "Sign in" }).click());
}

/** The message in a request, which is signed with this secret. */
function verified({ headers, body }, secret) {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  assert.equal(headers["webhook-signature"], `v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
  return JSON.parse(body);
}

/** The first request at a path that says something of this kind. */
const came = (path, kind) =>
  server.until(`${kind} at ${path}`, () => told.find((it) => it.path === path && JSON.parse(it.body).type === kind));

const failing = () => server.start("shop/charge", "shop/charge.asked", { amount: 500, currency: "EUR" }, "Failed");

pageTest("a notification is made: its secret is shown once, a test arrives, and so does a run that fails", guard, async ({ page, server }) => {
  await enter(page, server.key, "/notifications");
  await press(page, "create-notification", { Name: "on-call", "Address of a webhook": `http://${address}/made`, "Seconds between two messages": "0" });
  const secret = (await page.getByTestId("secret-text").textContent()).trim();
  await open(page, "/notifications");
  await leads(page, () => page.getByTestId("notification").getByRole("link", { name: "on-call" }).click());
  assert.match(await press(page, "test-notification"), /was taken/);
  verified(await came("/made", "test"), secret);
  const run = await failing();
  const message = verified(await came("/made", "run.failed"), secret);
  assert.equal(message.data.runs[0].run_id, run);
  await server.until("it is noted that it was taken", async () => (await shown("on-call")).messages[0]?.status === "delivered");
  await open(page, "/notifications/on-call");
  const row = page.locator(`[data-message="${message.id}"]`);
  assert.match(await row.innerText(), new RegExp(`Run ${run} of shop/charge failed[^]*taken`));
  assert.ok(!(await page.content()).includes(secret) && !(await page.content()).includes("/made"), "neither the secret nor the path is shown");
  await server.api("DELETE", "/api/v1/notifications/on-call");
});

pageTest("what an address refuses is shown, and goes to the next one when it is changed; the secret stays until another is made", guard, async ({ page, server }) => {
  answers.set("/old/secret-path", 503);
  await make("old");
  const run = await failing();
  await server.until("it is refused", async () => (await shown("old")).messages[0]?.status === "refused");
  await enter(page, server.key, "/notifications/old");
  const state = () => page.getByTestId("state").innerText();
  assert.match(await state(), /the answer was 503[^]*Tried again/);
  await accessible(page, "a notification whose message is refused");
  const elsewhere = { "Who is told": "standard", "Address of a webhook": `http://${address}/next`, "Tell of runs that wait so many seconds": "600" };
  assert.match(await press(page, "change-notification", elsewhere), /is changed/);
  const message = verified(await came("/next", "run.failed"), SECRET);
  assert.equal(message.data.runs[0].run_id, run);
  const changed = await server.until("it is noted", async () => {
    const it = await shown("old");
    return it.messages[0].status === "delivered" && it;
  });
  assert.deepEqual([changed.messages[0].id, changed.error, changed.min_interval_s], [message.id, null, 0]);
  assert.deepEqual(changed.rules, [{ on: "run_failed" }, { on: "backlog_age", over_s: 600 }]);
  await open(page, "/notifications/old");
  assert.doesNotMatch(await state(), /503/);
  await press(page, "change-notification", { "Make another one": true });
  const secret = (await page.getByTestId("secret-text").textContent()).trim();
  assert.notEqual(secret, SECRET);
  await accessible(page, "a secret that is shown once");
  await open(page, "/notifications/old");
  await press(page, "test-notification");
  verified(await came("/next", "test"), secret);
  await server.api("DELETE", "/api/v1/notifications/old");
});

pageTest("one is disabled, enabled and removed; what cannot be made says why, and nothing is made", guard, async ({ page, server }) => {
  await make("pager");
  await enter(page, server.key, "/notifications/pager");
  await press(page, "disable-notification");
  assert.equal((await shown("pager")).enabled, false);
  await press(page, "enable-notification");
  assert.equal((await shown("pager")).enabled, true);
  assert.match(await press(page, "delete-notification"), /is gone/);
  assert.deepEqual((await server.api("GET", "/api/v1/notifications")).data, []);
  const command = { Name: "pager", "Who is told": "command", "Whole path of the program": "/bin/sh" };
  assert.match(await press(page, "create-notification", command), /may not start \/bin\/sh.*--notify-commands/);
  assert.match(await press(page, "create-notification", { Name: "pager", "Address of a webhook": "pigeon" }), /url: must be an address/);
  assert.deepEqual((await server.api("GET", "/api/v1/notifications")).data, []);
});

pageTest("whoever may look sees it without its buttons, also without JavaScript and on a phone", guard, { javaScriptEnabled: false, viewport: { width: 360, height: 740 } }, async ({ page, server }) => {
  await make("seen", { enabled: false });
  const { key } = await server.api("POST", "/api/v1/keys", { name: "a reader", role: "read" });
  await enter(page, key, "/notifications");
  const panel = page.getByTestId("notification");
  assert.match(await panel.innerText(), new RegExp(`seen[^]*disabled[^]*http://${address}/…[^]*runs that fail`));
  await leads(page, () => panel.getByRole("link", { name: "seen" }).click());
  for (const route of ["/notifications", "/notifications/seen"]) {
    await open(page, route);
    assert.equal(await page.locator("main form").count(), 0, route);
    const content = await page.content();
    assert.ok(!content.includes("secret-path") && !content.includes(SECRET), route);
  }
  await server.api("DELETE", "/api/v1/notifications/seen");
});
