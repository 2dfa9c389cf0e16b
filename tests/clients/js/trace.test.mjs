// A service that traces its requests: where its event stands in the trace goes with the event, to its runs, to the runs that these start, and to
// whatever step bodies call.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";

import { Server } from "./server.mjs";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;

let server;
let witness;
const seen = [];

before(async () => {
  server = await Server.dev();
  await server.deployed();
  witness = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { run_id, function: name, step, attempt } = JSON.parse(Buffer.concat(chunks));
    const { traceparent, tracestate } = request.headers;
    seen.push({ run_id, name, step, attempt, traceparent, tracestate });
    response.end("{}");
  });
  await new Promise((resolve) => witness.listen(0, "127.0.0.1", resolve));
  // The same app once more, now with a witness that its bodies tell what they do.
  const component = await readFile(path.join(process.env.ABIDE_TEST_GUESTS, "ledger.wasm"));
  const { port } = witness.address();
  const where = `var=WITNESS_URL=http://127.0.0.1:${port}&allow_net=127.0.0.1:${port}`;
  const deployed = await fetch(`${server.url}/api/v1/apps/ledger?${where}`, { method: "PUT", body: component });
  assert.equal(deployed.status, 200, await deployed.text());
});
after(async () => {
  await server?.stop();
  witness?.closeAllConnections();
  witness?.close();
});

async function ended(event) {
  return server.until(`the runs of ${event} end`, async () => {
    const runs = await server.get(`/v1/events/${event}/runs`);
    return runs.length > 0 && runs.every((run) => run.status === "Completed") && runs;
  });
}

async function send(name, key, headers) {
  const { json } = await server.call("POST", "/e/any", { name, data: { key, count: 2 } }, headers);
  const [run] = await ended(json.ids[0]);
  return { event: json.ids[0], run: run.run_id };
}

test("bodies, sent events and the runs that these start are in the trace, each attempt with a span of its own", async () => {
  const headers = { traceparent: PARENT, tracestate: "vendor=value" };
  const { event, run } = await send("ledger/fanout", "traced", headers);
  const stored = (await server.call("GET", `/api/v1/events/${event}`)).json;
  assert.deepEqual([stored.traceparent, stored.tracestate], [PARENT, "vendor=value"]);
  assert.equal((await server.call("GET", `/api/v1/runs/${run}`)).json.traceparent, PARENT);

  const listed = (await server.call("GET", "/api/v1/events?name=ledger/leaf")).json.data;
  const leaves = listed.filter((leaf) => leaf.sent_by_run_id === run);
  assert.equal(leaves.length, 2);
  for (const leaf of leaves) {
    assert.match(leaf.traceparent, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    await ended(leaf.event_id);
  }
  const told = seen.filter((one) => one.traceparent?.includes(TRACE));
  assert.deepEqual(new Set(told.map((one) => one.name)), new Set(["fanout", "leaf"]));
  assert.ok(told.every((one) => one.tracestate === "vendor=value"));
  const spans = told.map((one) => one.traceparent.split("-")[2]);
  const attempts = told.map(({ run_id, step, attempt }) => `${run_id} ${step} ${attempt}`);
  assert.equal(new Set(spans).size, new Set(attempts).size);
  assert.ok(!spans.includes("b7ad6b7169203331"), "nobody pretends to be the sender");
});

test("an invoked run is in the trace of its caller", async () => {
  const traceparent = PARENT.replace("0af7", "1bf8");
  await send("ledger/parent", "calls", { traceparent });
  const told = seen.filter((one) => one.traceparent?.includes("1bf8651916"));
  assert.equal(told.filter((one) => one.name === "child").length, 2);
});

test("without a trace, or with a malformed one, there is none", async () => {
  for (const [key, headers] of Object.entries({ none: {}, malformed: { traceparent: `${PARENT}-00`, tracestate: "a=1" } })) {
    const { event, run } = await send("ledger/sequence", key, headers);
    const { traceparent, tracestate } = (await server.call("GET", `/api/v1/events/${event}`)).json;
    assert.deepEqual([traceparent, tracestate], [null, null]);
    const told = seen.filter((one) => one.run_id === run);
    assert.ok(told.length > 0 && told.every((one) => one.traceparent === undefined && one.tracestate === undefined));
  }
});
