// The development server: opens without an account, for whoever sits at this machine, and for no page of another site.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { open } from "./harness/browser.mjs";
import { elsewhere } from "./harness/elsewhere.mjs";
import { guarded } from "./harness/look.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

let server;

before(async () => {
  server = await Server.development();
});
after(() => server?.stop());

const guard = () => server;

pageTest("abide dev opens at / without an account, and shows a run as it comes", guard, async ({ page, visitor, server }) => {
  guarded(await open(page, "/"), "/");
  assert.equal(await page.getByLabel("API key").count(), 0);
  assert.equal(await page.getByTestId("form-sign-out").count(), 0);
  assert.equal((await visitor.cookies()).some(({ name }) => name === "abide_session"), false);
  await open(page, "/runs");
  await page.evaluate(() => (globalThis.loaded = "once"));
  const run = await server.start("ledger/sequence", "ledger/sequence", { key: "seen", count: 2 }, "Completed");
  await page.locator(`main a[href="/runs/${run}"]`).first().waitFor();
  assert.equal(await page.evaluate(() => globalThis.loaded), "once");
  await open(page, `/runs/${run}`);
  assert.match(await page.locator("main").innerText(), /step:1/);
});

pageTest("a page of another site does nothing to a development server", guard, { expected: [/status of 403/] }, async ({ page, server }) => {
  const form = `<form method=post action="${server.url}/functions/ledger/sequence/pause"><button>Win a prize</button></form>`;
  await elsewhere(server, form, async (there) => {
    await page.goto(there);
    const [answer] = await Promise.all([page.waitForResponse((it) => it.url().startsWith(server.url)), page.getByRole("button").click()]);
    assert.equal(answer.status(), 403);
    assert.equal((await server.api("GET", "/api/v1/functions/ledger/sequence")).paused_at, null);
  });
});
