// What a service that uses Inngest's JavaScript client does with keys: an event key for sending, a signing key for the REST API. The server is the
// one for production, and asks for them.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { Server } from "./server.mjs";
import { VERSIONS, quiet, withEnvironment } from "./inngest.mjs";

/** A key for everything, made for this test alone. */
const ADMIN = randomBytes(32).toString("hex");
const asAdmin = { authorization: `Bearer ${ADMIN}` };

let server;
const keys = {};

before(async () => {
  const cache = path.join(process.env.ABIDE_INNGEST_JS, "code");
  const serve = (data) => ["serve", "--listen", "127.0.0.1:0", "--data", data, "--code-cache", cache];
  server = await Server.start(serve, { ABIDE_ADMIN_KEY: ADMIN });
  const component = await readFile(path.join(process.env.ABIDE_TEST_GUESTS, "ledger.wasm"));
  const deployed = await fetch(`${server.url}/api/v1/apps/ledger`, { method: "PUT", body: component, headers: asAdmin });
  assert.equal(deployed.status, 200, await deployed.text());
  for (const role of ["send", "read", "operate"]) {
    const { status, json } = await server.call("POST", "/api/v1/keys", { name: `clients-${role}`, role }, asAdmin);
    assert.ok(status === 200 || status === 201, JSON.stringify(json));
    keys[role] = json;
  }
});
after(() => server?.stop());

async function ended(event, headers) {
  return server.until(`the runs of ${event} end`, async () => {
    const runs = await server.get(`/v1/events/${event}/runs`, headers);
    return runs.length > 0 && runs.every((run) => run.status === "Completed") && runs;
  });
}

for (const { major, Inngest } of VERSIONS) {
  const client = () => new Inngest({ id: "shop", logger: quiet });
  const variables = () => ({
    INNGEST_DEV: "0",
    INNGEST_BASE_URL: server.url,
    INNGEST_EVENT_KEY: keys.send.key,
    INNGEST_SIGNING_KEY: keys.operate.inngest_signing_key,
  });

  describe(`inngest ${major} from npm, with keys`, () => {
    test("the event key sends, and the signing key asks for the runs, as the documentation has it", () =>
      withEnvironment(variables(), async () => {
        const key = `keys-${major}`;
        const { ids } = await client().send({ name: "ledger/sequence", data: { key, count: 1 } });
        const headers = { authorization: `Bearer ${process.env.INNGEST_SIGNING_KEY}` };
        const [run] = await ended(ids[0], headers);
        assert.equal(run.output.key, key);
      }));

    test("sendSignal with the signing key, which the client hashes; with the one to fall back to where the first is refused", () =>
      withEnvironment({ ...variables(), INNGEST_SIGNING_KEY: `signkey-abide-${"0".repeat(64)}` }, async () => {
        const signal = { signal: `nobody-${major}`, data: 1 };
        await assert.rejects(client().sendSignal(signal), /Failed to send signal/);
        process.env.INNGEST_SIGNING_KEY_FALLBACK = keys.operate.inngest_signing_key;
        assert.deepEqual(await client().sendSignal(signal), { runId: undefined });
        delete process.env.INNGEST_SIGNING_KEY_FALLBACK;
        process.env.INNGEST_SIGNING_KEY = keys.operate.inngest_signing_key;
        assert.deepEqual(await client().sendSignal(signal), { runId: undefined });
        process.env.INNGEST_SIGNING_KEY = keys.read.inngest_signing_key;
        await assert.rejects(client().sendSignal(signal), /Failed to send signal/, "a key that may only look");
      }));

    test("a wrong event key, and an API key in its place: the client's error says so, and nothing is stored", () =>
      withEnvironment(variables(), async () => {
        for (const wrong of ["abide_ek_wrong", keys.read.key]) {
          process.env.INNGEST_EVENT_KEY = wrong;
          const name = `nobody/listens-${major}`;
          await assert.rejects(client().send({ name }), /Inngest API Error: 40[13] /);
          assert.deepEqual(await server.get(`/v1/events?name=${name}`, asAdmin), []);
        }
      }));
  });
}

test("what the clients send instead of the key is not what lies on the server's disk", async () => {
  const digits = keys.read.inngest_signing_key.replace("signkey-abide-", "");
  const hashed = createHash("sha256").update(Buffer.from(digits, "hex")).digest("hex");
  const ask = (bearer) => server.call("GET", "/v1/events", undefined, { authorization: `Bearer ${bearer}` });
  assert.equal((await ask(`signkey-abide-${hashed}`)).status, 200);
  const stored = createHash("sha256").update(Buffer.from(hashed, "hex")).digest("hex");
  for (const wrong of [`signkey-abide-${stored}`, stored, "", "x"]) assert.equal((await ask(wrong)).status, 401, wrong);
});

test("without a key the REST API answers 401 in Inngest's shape", async () => {
  const { status, json } = await server.call("GET", "/v1/events");
  assert.equal(status, 401);
  assert.deepEqual(Object.keys(json).sort(), ["error", "status"]);
});
