// What operators set up: keys, webhooks, schemas, environments; and the audit log that says who did it.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { leads, open, press } from "./harness/browser.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

let server;

before(async () => {
  server = await Server.guarded();
});
after(() => server?.stop());

const guard = () => server;
const main = (page) => page.locator("main").innerText();

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
  await press(page, "create-webhook", { "Name, part of its address": "code", Provider: "github", Secret: "a secret of twenty letters" });
  const hook = () => server.call("GET", "/api/v1/webhooks/code", undefined, server.headers());
  assert.equal((await hook()).json.name, "code");
  assert.ok(!(await page.content()).includes("a secret of twenty letters"), "a secret is not shown again");
  await press(page, "disable-webhook");
  assert.equal((await hook()).json.enabled, false);
  await press(page, "enable-webhook");
  assert.equal((await hook()).json.enabled, true);
  await press(page, "delete-webhook");
  assert.equal((await hook()).status, 404);
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
