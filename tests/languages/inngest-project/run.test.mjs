// The project is built as it is, and each of its functions does what its author means it to do.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { build, folder, serve } from "../../../guest-sdk/js/build/test/harness.mjs";

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), "project");
const run = promisify(execFile);

/** The project with its packages, in a folder of its own. */
let project;
before(async () => {
  project = await mkdtemp(join(tmpdir(), "abide-inngest-"));
  await cp(PROJECT, project, { recursive: true, filter: (path) => !path.includes("node_modules") });
  await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: project });
});
after(() => rm(project, { recursive: true }));

const order = (orderId, items, userId = "u1") => ({ orderId, userId, items });

for (const engine of ["starlingmonkey", "quickjs"]) {
  describe(engine, () => {
    const ends = [];
    const t = { after: (end) => ends.push(end) };
    let server;

    before(async () => {
      const built = await build(project, { engine, out: join(await folder(t), "app.wasm") });
      assert.deepEqual([built.errors, built.warnings], [[], []]);
      server = await serve(t);
      await server.deploy(built.out, "acme-shop", "--var", "PRICE_LIST=summer");
    });

    after(async () => {
      for (const end of ends.reverse()) {
        await end();
      }
    });

    test("a new user gets two mails, and others hear of it", async () => {
      const { "welcome-user": welcome } = await server.send("user/signed.up", { userId: "u1", email: "a@example.com" });
      assert.equal(welcome.status, "Completed");
      assert.equal(welcome.output.handledBy, "acme", "the middleware was there");
      assert.notEqual(welcome.output.welcome, welcome.output.tips);
      assert.match(await server.logs(welcome.run_id), /onboarded u1/);
    });

    test("an order is charged by another function, and ends when it is shipped", async () => {
      const items = [{ sku: "a", quantity: 2, cents: 1050 }, { sku: "b", quantity: 1, cents: 500 }];
      // The parcel is reported until the order waits for it: an event that comes before the wait does not count.
      const sent = server.send("order/created", order("o1", items));
      let ended = false;
      const reported = (async () => {
        while (!ended) {
          await server.event("order/shipped", { orderId: "o1", parcels: 2 });
        }
      })();
      const runs = await sent;
      ended = true;
      await reported;
      assert.deepEqual(runs["fulfil-order"].output, { total: "€26.00", parcels: 2, handledBy: "acme" });
      assert.deepEqual(runs["reserve-items"].output, { reserved: [{ sku: "a", left: 98 }, { sku: "b", left: 99 }], announced: 2, handledBy: "acme" });
    });

    test("a declined card fails the order for good, with the author's words", async () => {
      const { "fulfil-order": fulfil } = await server.send("order/created", order("o2", [{ sku: "c", quantity: 1, cents: 200_000 }]));
      assert.equal(fulfil.status, "Failed");
      assert.match(fulfil.error.message, /the card of u1 does not cover 200000/);
    });

    test("an order that is not valid is refused by zod", async () => {
      const { "fulfil-order": fulfil } = await server.send("order/created", { orderId: "o3", items: [{ sku: "d", quantity: 1, cents: 1 }] });
      assert.equal(fulfil.status, "Failed");
      assert.match(fulfil.error.message, /the order is not valid: userId/);
    });

    test("views are counted by three", async () => {
      await server.event("page/viewed", { path: "/" });
      await server.event("page/viewed", { path: "/" });
      const { "count-views": counted } = await server.send("page/viewed", { path: "/x" });
      assert.deepEqual(counted.output, { counts: { "/": 2, "/x": 1 }, of: 3, handledBy: "acme" });
    });

    test("a document is summarised", async () => {
      const { "summarise-document": summary } = await server.send("document/uploaded", { documentId: "d1", text: "One two. Three four." });
      assert.deepEqual(summary.output, { summary: "One two.", words: 4, handledBy: "acme" });
    });

    test("a change of the inventory is pushed after a quiet second, with the configured price list", async () => {
      const { "sync-inventory": synced } = await server.send("inventory/changed", { sku: "a", stock: 4 });
      assert.deepEqual(synced.output, { sku: "a", pushed: 4, prices: "summer", attempt: 0, handledBy: "acme" });
    });

    test("an expense that nobody decides on is escalated, a small one passes", async () => {
      const outcome = async (expenseId, cents) => (await server.send("expense/submitted", { expenseId, cents }))["approve-expense"].output.outcome;
      assert.deepEqual([await outcome("e1", 900_000), await outcome("e2", 100)], ["escalated", "approved"]);
    });

    test("a failed step is caught", async () => {
      const { audit } = await server.send("order/cancelled", { orderId: "none" });
      assert.match(audit.output.place, /^elsewhere, since .*the log is full$/);
    });

    test("the report names yesterday", async () => {
      const yesterday = () => new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
      const before = yesterday();
      const { "daily-report": report } = await server.send("report/asked");
      assert.ok([before, yesterday()].includes(report.output.day), report.output.day);
      assert.equal(report.output.title, `Sales of ${report.output.day}`);
    });
  });
}
