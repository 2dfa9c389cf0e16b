// A server on which nothing happened yet: every page says what to do next.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { open } from "./harness/browser.mjs";
import { accessible, fits } from "./harness/look.mjs";
import { SECTIONS } from "./harness/pages.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

let server;

before(async () => {
  server = await Server.empty();
});
after(() => server?.stop());

pageTest("every section of an empty server opens, also on a phone, and those with nothing in them teach a command", () => server, async ({ page }) => {
  const taught = [];
  for (const [name, route] of Object.entries(SECTIONS)) {
    await page.setViewportSize({ width: 1280, height: 900 });
    await open(page, route);
    await accessible(page, route);
    const text = await page.locator("main").innerText();
    if (/\babide [a-z]+|curl /.test(text)) taught.push(name);
    await page.setViewportSize({ width: 360, height: 740 });
    await fits(page, route);
  }
  for (const name of ["Runs", "Events", "Functions", "Apps", "Schemas", "Webhooks", "Notifications", "Keys"]) {
    assert.ok(taught.includes(name), `${name} teaches nothing`);
  }
});
