// Makes the pictures of `docs/dashboard.md`: `node screenshots.mjs FOLDER`, which `cargo xtask screenshots` starts.

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";

import { closed, visit } from "./harness/browser.mjs";
import { populate } from "./harness/fixtures.mjs";
import { Server } from "./harness/server.mjs";

const [, , folder] = process.argv;
if (!folder) throw new Error("which folder? node screenshots.mjs FOLDER");

/** No picture is larger. */
const MOST_BYTES = 200 * 1024;

/** What the charts show. */
const TRADE_MS = 130_000;

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 780 };

const server = await Server.open();
try {
  await mkdir(folder, { recursive: true });
  const runs = await populate(server);
  await trade();
  const { event_id: event } = await server.run(runs.completed);
  await picture("overview", "/");
  await picture("runs", "/runs");
  await picture("run", `/runs/${runs.completed}`);
  await picture("run-waiting", `/runs/${runs.waiting}`);
  await picture("run-failed", `/runs/${runs.failed}`, { opens: "step-charge" });
  await picture("event", `/events/${event}`);
  await picture("function", "/functions/shop/one-by-one");
  await picture("app", "/apps/shop");
  await picture("dark", "/runs", { colorScheme: "dark" });
  await picture("phone", `/runs/${runs.completed}`, { viewport: PHONE });
} finally {
  await closed();
  await server.stop();
}

/** Orders as they come in two minutes, so that lists and charts have something to show. */
async function trade() {
  const until = Date.now() + TRADE_MS;
  for (let n = 0; Date.now() < until; n++) {
    const data = { id: 100 + n, amount: 700 + ((n * 7919) % 90_000), failures: n % 9 === 0 ? 1 : 0 };
    await server.send("shop/order.placed", data);
    if (n % 12 === 0) await server.send("shop/charge.asked", { amount: 90 + (n % 40), currency: "EUR" });
    if (n % 20 === 0) await server.send("shop/payment.large", { id: 1000 + n, amount: 120_000 });
    if (n % 30 === 0) await server.send("shop/bill.due", { tenant: "acme", sleep_ms: 60_000 });
    // More in the middle than at the ends.
    const pause = 200 + 900 * Math.abs(1 - (2 * (until - Date.now())) / TRADE_MS);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  await server.until("the orders are done", async () => {
    const open = await server.runs("function=shop/fulfil&status=Queued,Running,Sleeping,Waiting");
    return open.length === 0;
  });
}

async function picture(name, route, { opens, ...options } = {}) {
  const { visitor, page } = await visit(server, { viewport: DESK, ...options });
  await page.goto(route);
  if (opens) await page.getByTestId(opens).locator("summary").first().click();
  const devtools = await visitor.newCDPSession(page);
  const { data } = await devtools.send("Page.captureScreenshot", { format: "webp", quality: 82 });
  const bytes = Buffer.from(data, "base64");
  if (bytes.length > MOST_BYTES) throw new Error(`${name} has ${bytes.length} bytes: no picture may have more than ${MOST_BYTES}`);
  await writeFile(path.join(folder, `${name}.webp`), bytes);
  console.log(`${name}.webp: ${bytes.length} bytes`);
  await visitor.close();
}
