// Whatever an event, an output, a log line, an error or a name is made of: it is shown as text. What `pageTest` watches is most of the test: no
// dialog, no error in the console (where violations of the content security policy end), nothing asked of another server.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { open } from "./harness/browser.mjs";
import { HOSTILE, plainParts } from "./harness/hostile.mjs";
import { fits, untouched } from "./harness/look.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

/** Fields of addresses that pages repeat. */
const FIELDS = [["/runs", "function"], ["/runs", "app"], ["/runs", "if"], ["/runs", "status"], ["/runs", "since"], ["/runs", "cursor"], ["/events", "name"]];

let server;
/** The runs of each text: one that completed, one that failed, one that waits. */
const runs = {};

before(async () => {
  server = await Server.open();
  for (const [kind, text] of Object.entries(HOSTILE)) {
    // The name of an event is a text of somebody's, too, of up to 256 characters.
    const name = `shop/mirror.${text.slice(0, 200)}`;
    runs[kind] = {
      completed: await server.start("shop/mirror", name, { text }),
      failed: await server.start("shop/mirror", name, { text, fails: true }),
      waiting: await server.start("shop/mirror", name, { text, waits: true }),
    };
  }
  for (const { completed, failed, waiting } of Object.values(runs)) {
    await server.reaches(completed, "Completed");
    await server.reaches(failed, "Failed");
    await server.reaches(waiting, "Waiting");
  }
});
after(() => server?.stop());

/** The text is on the page, and the page is the template's. */
async function showsAsText(page, route, text) {
  await open(page, route);
  await untouched(page, route);
  await fits(page, route);
  const shown = await page.evaluate(() => document.body.textContent);
  for (const part of plainParts(text)) assert.ok(shown.includes(part), `${route} does not show ${part}`);
}

for (const [kind, text] of Object.entries(HOSTILE)) {
  pageTest(`${kind}: runs, events and functions show it as text`, () => server, async ({ page, server }) => {
    for (const run of Object.values(runs[kind])) await showsAsText(page, `/runs/${run}`, text);
    const { event_id: event } = await server.run(runs[kind].completed);
    await showsAsText(page, `/events/${event}`, text);
  });
}

pageTest("lists, and what is searched for, show it as text", () => server, { expected: [/status of 40[04]/, /does not conform to the required format/] }, async ({ page }) => {
  for (const route of ["/runs", "/events", "/functions", "/functions/shop/mirror", "/functions/shop/reflection", "/"]) {
    await open(page, route);
    await untouched(page, route);
    await fits(page, route);
  }
  // Markup in every field, and every text in some field.
  const markup = ["script", "attribute", "quote", "closing"];
  for (const [nth, [kind, text]] of Object.entries(HOSTILE).entries()) {
    for (const [path, field] of markup.includes(kind) ? FIELDS : [FIELDS[nth % FIELDS.length]]) {
      const route = `${path}?${new URLSearchParams({ [field]: text })}`;
      const answer = await page.goto(route);
      assert.ok(answer.status() < 500, route);
      await untouched(page, route);
    }
  }
});
