// The development server: opens without an account, for whoever sits at this machine, and for no page of another site.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before } from "node:test";

import { open } from "./harness/browser.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

let dev;
let insecure;

before(async () => {
  dev = await Server.development();
  insecure = await Server.open();
});
after(async () => {
  await dev?.stop();
  await insecure?.stop();
});

pageTest("abide dev opens at / without an account, and shows a run as it comes", () => dev, async ({ page, server }) => {
  await open(page, "/");
  assert.equal(await page.getByLabel("API key").count(), 0);
  await open(page, "/runs");
  const run = await server.start("ledger/sequence", "ledger/sequence", { key: "seen", count: 2 }, "Completed");
  await page.locator(`main a[href="/runs/${run}"]`).first().waitFor();
  await open(page, `/runs/${run}`);
  assert.match(await page.locator("main").innerText(), /step:1/);
});

for (const [name, server] of [["abide dev", () => dev], ["abide serve --insecure", () => insecure]]) {
  pageTest(`${name}: a page of another site does nothing here`, server, { expected: [/status of 40[134]/] }, async ({ page, server }) => {
    const app = server === dev ? "ledger/sequence" : "shop/nap";
    const elsewhere = http.createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<form method=post action="${server.url}/functions/${app}/pause"><button>Win a prize</button></form>`);
    });
    elsewhere.listen(0, "127.0.0.1");
    await once(elsewhere, "listening");
    // Another name of this machine is another site.
    const there = `http://localhost:${elsewhere.address().port}/`;
    server.also.add(new URL(there).origin);
    try {
      await page.goto(there);
      const [answer] = await Promise.all([page.waitForResponse((it) => it.url().startsWith(server.url)), page.getByRole("button").click()]);
      assert.equal(answer.status(), 403);
      const { paused_at: paused } = await server.api("GET", `/api/v1/functions/${app}`);
      assert.equal(paused, null);
    } finally {
      elsewhere.closeAllConnections();
      elsewhere.close();
    }
  });
}
