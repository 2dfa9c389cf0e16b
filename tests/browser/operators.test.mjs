// What operators set up: keys, webhooks, schemas, environments; and the audit log that says who did it.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { after, before } from "node:test";

import { leads, open, press } from "./harness/browser.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

const OLD = "a secret of twenty letters";
const NEW = "another one of more letters";

let server;

before(async () => {
  server = await Server.guarded();
});
after(() => server?.stop());

const guard = () => server;
const main = (page) => page.locator("main").innerText();

/** A delivery of GitHub, signed with this secret; how it is answered. */
async function deliver(secret) {
  const body = JSON.stringify({ zen: randomUUID() });
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  const headers = {
    "content-type": "application/json",
    "x-github-event": "ping",
    "x-github-delivery": randomUUID(),
    "x-hub-signature-256": `sha256=${signature}`,
  };
  return (await fetch(`${server.url}/hooks/code`, { method: "POST", body, headers })).status;
}

/** An admin looks at a page. */
async function admin(page, route) {
  await page.goto(`/sign-in?${new URLSearchParams({ next: route })}`);
  await page.getByLabel("API key").fill(server.key);
  await leads(page, () => page.getByRole("button", { name: "Sign in" }).click());
}

pageTest("a key is made, shown once, used, and revoked", guard, async ({ page, server }) => {
  await admin(page, "/keys");
  await press(page, "create-key", { Name: "for the till", Role: "read" });
  const secret = (await page.getByTestId("key-text").textContent()).trim();
  const headers = { authorization: `Bearer ${secret}` };
  assert.equal((await server.call("GET", "/api/v1/runs", undefined, headers)).status, 200);
  await open(page, "/keys");
  assert.ok(!(await page.content()).includes(secret), "the key is shown once");
  const [key] = (await server.api("GET", "/api/v1/keys")).data.filter((it) => it.name === "for the till");
  assert.equal(key.role, "read");
  await press(page, "revoke-key", {}, page.getByTestId("key-row").filter({ hasText: "for the till" }));
  assert.equal((await server.call("GET", "/api/v1/runs", undefined, headers)).status, 401);
});

pageTest("a webhook is made, tried, disabled, enabled and removed", guard, async ({ page, server }) => {
  await admin(page, "/webhooks");
  await press(page, "create-webhook", { "Name, part of its address": "code", Provider: "github", Secret: OLD });
  const hook = () => server.call("GET", "/api/v1/webhooks/code", undefined, server.headers());
  assert.equal((await hook()).json.name, "code");
  assert.ok(!(await page.content()).includes(OLD), "a secret is not shown again");
  await press(page, "test-webhook");
  const sample = await server.api("GET", `/api/v1${new URL(page.url()).pathname}`);
  assert.match(sample.name, /^github\//, "the event that was made of a sample is shown");
  await open(page, "/webhooks");
  await press(page, "disable-webhook");
  assert.equal((await hook()).json.enabled, false);
  assert.equal(await deliver(OLD), 503);
  await press(page, "enable-webhook");
  assert.equal((await hook()).json.enabled, true);
  assert.equal(await deliver(OLD), 200);
  await press(page, "delete-webhook");
  assert.equal((await hook()).status, 404);
});

pageTest("what becomes of a webhook's requests is changed; its secret stays", guard, async ({ page, server }) => {
  const settings = { name: "code", provider: "github", secret: OLD, event_name: "code/old", enabled: true };
  await server.api("POST", "/api/v1/webhooks", settings);
  await admin(page, "/webhooks");
  await press(page, "change-webhook", { "Event's name": "code/{header:x-github-event}", "Only if": "has(body.zen)" });
  const changed = await server.api("GET", "/api/v1/webhooks/code");
  assert.deepEqual([changed.event_name, changed.if, changed.enabled, changed.provider], ["code/{header:x-github-event}", "has(body.zen)", true, "github"]);
  assert.deepEqual([await deliver(OLD), await deliver(NEW)], [200, 401]);
  assert.equal((await server.api("GET", "/api/v1/events?name=code/ping")).data.length, 1);
  await server.api("DELETE", "/api/v1/webhooks/code");
});

pageTest("a webhook's secret is rotated: the one before is good for a day, and neither is shown", guard, async ({ page, server }) => {
  await server.api("POST", "/api/v1/webhooks", { name: "code", provider: "github", secret: OLD });
  await admin(page, "/webhooks");
  assert.equal(await deliver(NEW), 401);
  const told = await press(page, "rotate-webhook", { Secret: NEW });
  assert.match(told, /new secret/);
  for (const secret of [OLD, NEW]) assert.ok(!(await page.content()).includes(secret));
  assert.deepEqual([await deliver(NEW), await deliver(OLD)], [200, 200]);
  const { previous_secret_until: until } = await server.api("GET", "/api/v1/webhooks/code");
  const times = await page.locator("main time").evaluateAll((all) => all.map((it) => it.getAttribute("datetime")));
  assert.ok(times.includes(until), "until when the secret before is good");
  await server.api("DELETE", "/api/v1/webhooks/code");
});

pageTest("a key for a day is good for a day", guard, async ({ page, server }) => {
  await admin(page, "/keys");
  await press(page, "create-key", { Name: "for a visitor", Role: "operate", "Good for": "86400" });
  const [key] = (await server.api("GET", "/api/v1/keys")).data.filter((it) => it.name === "for a visitor");
  const hours = (Date.parse(key.expires_at) - Date.parse(key.created_at)) / 3_600_000;
  assert.deepEqual([key.role, hours], ["operate", 24]);
});

pageTest("the settings are those in force, without secrets", guard, async ({ page, server }) => {
  await admin(page, "/settings");
  const rows = page.getByTestId("setting-row");
  assert.ok((await rows.count()) > 10);
  assert.match(await page.locator('[data-setting="data"]').innerText(), /flag/);
  assert.ok(!(await page.content()).includes(server.key));
});

pageTest("a schema is set, holds, and is removed", guard, async ({ page, server }) => {
  await admin(page, "/schemas");
  await press(page, "set-schema", { Event: "till/closed", Schema: '{"required": ["sum"]}' });
  const send = (data) => server.call("POST", `/e/${server.key}`, { name: "till/closed", data });
  assert.equal((await send({})).status, 400);
  assert.match(await main(page), /till\/closed/);
  await press(page, "delete-schema", {}, page.getByTestId("schema").filter({ hasText: "till/closed" }));
  assert.equal((await send({})).status, 200);
});

pageTest("an environment is made and removed", guard, async ({ page, server }) => {
  await admin(page, "/environments");
  const names = async () => (await server.api("GET", "/api/v1/environments")).data.map((it) => it.name);
  await press(page, "create-environment", { Name: "trial" });
  assert.ok((await names()).includes("trial"));
  await press(page, "delete-environment", {}, page.getByTestId("environment-row").filter({ hasText: "trial" }));
  assert.ok(!(await names()).includes("trial"));
});

pageTest("the audit log says who did it", guard, async ({ page, server }) => {
  await server.api("POST", "/api/v1/keys", { name: "seen by the log", role: "read" });
  await admin(page, "/audit");
  const { data } = await server.api("GET", "/api/v1/audit");
  assert.ok(data.length > 0);
  assert.match(await main(page), /key/);
  assert.ok(!(await page.content()).includes(server.key));
});
