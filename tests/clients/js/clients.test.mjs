// What a service that uses Inngest's JavaScript client does, in development: it has no keys, and it is pointed here by an environment
// variable. Each test runs with each major version of the client.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { FlakyProxy } from "./proxy.mjs";
import { play } from "./raw.mjs";
import { Server } from "./server.mjs";
import { VERSIONS, quiet, withEnvironment } from "./inngest.mjs";

const ULID = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const ENDED = ["Completed", "Failed", "Cancelled"];

let server;
let count = 0;

before(async () => {
  server = await Server.dev();
  await server.deployed();
});
after(() => server?.stop());

/** A key that no other test uses. */
const fresh = (what) => `${what}-${process.pid}-${(count += 1)}`;

/** The loop of Inngest's documentation: asks for the runs of an event until they have ended. */
function runsOf(eventId) {
  return server.until(`the runs of ${eventId} end`, async () => {
    const runs = await server.get(`/v1/events/${eventId}/runs`);
    return runs.length > 0 && runs.every((run) => ENDED.includes(run.status)) && runs;
  });
}

for (const { major, Inngest } of VERSIONS) {
  const client = (options) => new Inngest({ id: "shop", logger: quiet, ...options });

  describe(`inngest ${major} from npm`, () => {
    test("INNGEST_DEV=URL: an event is sent, and its run's output found by the documented loop", () =>
      withEnvironment({ INNGEST_DEV: server.url }, async () => {
        const key = fresh("one");
        const { ids } = await client().send({ name: "ledger/sequence", data: { key, count: 1, seed: 3 } });
        assert.equal(ids.length, 1);
        assert.match(ids[0], ULID);
        const [run, ...others] = await runsOf(ids[0]);
        assert.deepEqual(others, []);
        assert.equal(run.status, "Completed");
        assert.equal(run.event_id, ids[0]);
        assert.equal(run.function_id, "ledger/sequence");
        assert.deepEqual(run.output, { key, values: [3 * 31 + 7] });
        assert.deepEqual(await server.get(`/v1/runs/${run.run_id}`), run);
        const event = await server.get(`/v1/events/${ids[0]}`);
        assert.deepEqual(event.data, { key, count: 1, seed: 3 });
      }));

    test("INNGEST_DEV=1 with INNGEST_BASE_URL: many events in one request, ids in their order", () =>
      withEnvironment({ INNGEST_DEV: "1", INNGEST_BASE_URL: server.url }, async () => {
        const name = fresh("nobody/listens");
        const ts = Date.now() - 60_000;
        const { ids } = await client().send([
          { name, data: { n: 0 }, user: { external_id: "u-1" }, v: "2026-01-01.1" },
          { name, data: { n: 1 }, ts },
          { name },
        ]);
        const events = await Promise.all(ids.map((id) => server.get(`/v1/events/${id}`)));
        assert.deepEqual(events.map((event) => event.data), [{ n: 0 }, { n: 1 }, {}]);
        assert.equal(events[1].ts, ts);
        const listed = await server.get(`/v1/events?name=${encodeURIComponent(name)}`);
        assert.deepEqual(listed.map((event) => event.internal_id), [...ids].reverse());
      }));

    test("an id of the sender's own: the second event of the same id starts nothing", () =>
      withEnvironment({ INNGEST_DEV: server.url }, async () => {
        const id = fresh("order");
        const send = () => client().send({ id, name: "ledger/sequence", data: { key: id, count: 1 } });
        const first = await send();
        const second = await send();
        assert.notDeepEqual(first.ids, second.ids);
        assert.equal((await runsOf(first.ids[0])).length, 1);
        assert.deepEqual(await server.get(`/v1/events/${second.ids[0]}/runs`), []);
      }));

    test("answers of 503, 429 and 500, and one that got lost: the client repeats itself, and there is one event", () =>
      withEnvironment({}, async () => {
        const proxy = await FlakyProxy.start(server.url, [503, 429, "lost", 500]);
        try {
          const name = fresh("nobody/listens");
          const { ids } = await client({ isDev: true, baseUrl: proxy.url }).send([{ name }, { name }]);
          const seeds = proxy.requests.map((request) => request.headers["x-inngest-event-id-seed"]);
          assert.equal(seeds.length, 5);
          assert.equal(new Set(seeds).size, 1, "it is one request, repeated");
          const [ms] = seeds[0].split(",");
          assert.deepEqual(ids, [1, 2].map((n) => idOf(seeds[0], n)), `the ids follow from the seed of ${ms}`);
          const listed = await server.get(`/v1/events?name=${encodeURIComponent(name)}`);
          assert.equal(listed.length, 2, "the lost answer was to the same two events");
        } finally {
          await proxy.stop();
        }
      }));

    test("a server that stays overloaded: the client gives up, with the server's words", () =>
      withEnvironment({}, async () => {
        const proxy = await FlakyProxy.start(server.url, [503, 503, 503, 503, 503]);
        try {
          const sent = client({ isDev: true, baseUrl: proxy.url }).send({ name: "nobody/listens" });
          await assert.rejects(sent, /Inngest API Error: 503 the proxy says so/);
        } finally {
          await proxy.stop();
        }
      }));

    test("what is wrong with an event is told in the client's error", () =>
      withEnvironment({ INNGEST_DEV: server.url }, async () => {
        const fails = (events, message) => assert.rejects(client().send(events), message);
        await Promise.all([
          fails({ name: "inngest/function.failed" }, /400 event 0: name: the prefix `inngest\/` is reserved/),
          fails([{ name: "good" }, { name: "" }], /400 event 1: name: must have 1 to 256 characters/),
          fails({ name: "good", ts: 5 }, /400 event 0: ts: 5 is not a time in milliseconds/),
          fails({ name: "large", data: { text: "x".repeat(3 << 20) } }, /400 event 0: data: the event has \d+ bytes, more than/),
          fails({ name: "larger", data: { text: "x".repeat(10 << 20) } }, /413 the body is larger than the limit of 10485760 bytes/),
        ]);
      }));

    test("sendSignal: the run that waits for it; nobody waits, nothing is kept", () =>
      withEnvironment({ INNGEST_DEV: server.url }, async () => {
        const inngest = client();
        const key = fresh("signal");
        assert.deepEqual(await inngest.sendSignal({ signal: key, data: 1 }), { runId: undefined });
        const { ids } = await inngest.send({ name: "ledger/signal-wait", data: { key, timeout_ms: 3_600_000 } });
        const runId = await server.until("the run waits", async () => {
          const [run] = await server.get(`/v1/events/${ids[0]}/runs`);
          if (!run) return false;
          const { json } = await server.call("GET", `/api/v1/runs/${run.run_id}`);
          return json.status === "Waiting" && run.run_id;
        });
        assert.deepEqual(await inngest.sendSignal({ signal: key, data: 2 }), { runId });
        const [run] = await runsOf(ids[0]);
        assert.equal(run.output.values[0], 2);
      }));

    test("sendSignal that the server refuses: its words are in the client's error", () =>
      withEnvironment({ INNGEST_DEV: server.url }, () =>
        assert.rejects(client().sendSignal({ signal: "", data: 1 }), /Failed to send signal: .*signal/),
      ));

    test("a name of a branch that the client found in its surroundings changes nothing in development", () =>
      withEnvironment({ INNGEST_DEV: server.url, BRANCH_NAME: "feature/new" }, async () => {
        const { ids } = await client().send({ name: fresh("nobody/listens") });
        assert.equal((await server.get(`/v1/events/${ids[0]}`)).internal_id, ids[0]);
      }));
  });
}

/** The id that the server gives to the n-th event of a request with this seed: section 1 of the semantics, once more. */
function idOf(seed, n) {
  const [ms, base64] = seed.split(",");
  const entropy = Buffer.from(base64, "base64");
  entropy.writeUInt32BE((entropy.readUInt32BE(6) + n) >>> 0, 6);
  let number = (BigInt(ms) << 80n) | BigInt(`0x${entropy.toString("hex")}`);
  let text = "";
  for (let place = 0; place < 26; place += 1) {
    text = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[Number(number & 31n)] + text;
    number >>= 5n;
  }
  return text;
}

describe("a development server is found on its own", () => {
  const usual = "http://localhost:8288";

  /** `fetch` as the client is given it, with the usual port where the server of this test is. */
  function onUsualPort(asked) {
    return (url, options) => {
      asked.push(String(url));
      return fetch(String(url).replace(usual, server.url), options);
    };
  }

  test("v3 with nothing configured asks for /dev on port 8288, and sends there", () =>
    withEnvironment({}, async () => {
      const asked = [];
      const [{ Inngest }] = VERSIONS;
      const inngest = new Inngest({ id: "shop", logger: quiet, fetch: onUsualPort(asked) });
      const { ids } = await inngest.send({ name: fresh("nobody/listens") });
      assert.deepEqual(asked, [`${usual}/dev`, `${usual}/e/NO_EVENT_KEY_SET`]);
      assert.equal((await server.get(`/v1/events/${ids[0]}`)).internal_id, ids[0]);
    }));

  test("v4 with INNGEST_DEV=1 sends to port 8288", () =>
    withEnvironment({ INNGEST_DEV: "1" }, async () => {
      const asked = [];
      const [, { Inngest }] = VERSIONS;
      const inngest = new Inngest({ id: "shop", logger: quiet, fetch: onUsualPort(asked) });
      const { ids } = await inngest.send({ name: fresh("nobody/listens") });
      assert.deepEqual(asked, [`${usual}/e/NO_EVENT_KEY_SET`]);
      assert.equal((await server.get(`/v1/events/${ids[0]}`)).internal_id, ids[0]);
    }));
});

describe("requests of the Go client, byte by byte", () => {
  const request = (name) => play(new URL(`../go/${name}.http`, import.meta.url), server);
  const idsOf = (seed, count) => Array.from({ length: count }, (_, n) => idOf(seed, n + 1));

  test("one event", async () => {
    const ids = idsOf("1767225600000,AAECAwQFBgcICQ==", 1);
    assert.deepEqual(await request("send-one"), { status: 200, json: { ids, status: 200 } });
    const [run] = await runsOf(ids[0]);
    assert.equal(run.output.key, "go-1");
  });

  test("several events, with an event key and an environment; the same request once more has no effect", async () => {
    const ids = idsOf("1767225600001,CQgHBgUEAwIBAA==", 2);
    for (let time = 0; time < 2; time += 1) {
      assert.deepEqual(await request("send-many"), { status: 200, json: { ids, status: 200 } });
    }
    const second = await server.get(`/v1/events/${ids[1]}`);
    assert.deepEqual([second.data, second.ts, second.v], [{ html: "<b>&</b>" }, 1767225600000, "2026-01-01.1"]);
    assert.equal((await server.get("/v1/events?name=go/nobody.listens")).length, 2);
  });

  test("an invalid event: the status and the words that the client puts into its error", async () => {
    const { status, json } = await request("send-invalid");
    assert.equal(status, 400);
    assert.match(json.error, /^event 0: name: the prefix `inngest\/` is reserved/);
  });
});

describe("Inngest's REST API", () => {
  const post = async (name, data) => {
    const { json } = await server.call("POST", "/e/any", { name, data });
    return json.ids[0];
  };
  const runOf = (event) => server.until(`${event} has a run`, async () => (await server.get(`/v1/events/${event}/runs`))[0]?.run_id);

  test("the jobs of a run: what is queued or under way; none when it has ended", async () => {
    const before = Date.now();
    const runId = await runOf(await post("ledger/sleep", { key: fresh("jobs"), count: 1, sleep_ms: 3_600_000 }));
    const [job, ...others] = await server.until("the run sleeps", async () => {
      const jobs = await server.get(`/v1/runs/${runId}/jobs`);
      return jobs[0]?.kind === "sleep" && jobs;
    });
    assert.deepEqual(others, []);
    assert.deepEqual({ ...job, at: undefined }, { at: undefined, position: 0, kind: "sleep", attempt: 0 });
    assert.ok(Date.parse(job.at) >= before + 3_600_000, `it sleeps an hour, until ${job.at}`);

    const cancelled = await server.call("DELETE", `/v1/runs/${runId}`);
    assert.equal(cancelled.status, 200);
    assert.equal((await server.get(`/v1/runs/${runId}`)).status, "Cancelled");
    assert.deepEqual(await server.get(`/v1/runs/${runId}/jobs`), []);
    assert.equal((await server.call("DELETE", `/v1/runs/${runId}`)).status, 200, "once more is no error");
  });

  test("a run that is to start later is a job to start", async () => {
    const ts = Date.now() + 3_600_000;
    const { json } = await server.call("POST", "/e/any", { name: "ledger/sequence", ts, data: { key: fresh("later") } });
    const jobs = await server.get(`/v1/runs/${await runOf(json.ids[0])}/jobs`);
    assert.deepEqual(jobs, [{ at: new Date(ts).toISOString(), position: 0, kind: "start", attempt: 0 }]);
  });

  test("cancellations: made, listed, done, ended", async () => {
    const event = await post("ledger/sleep", { key: fresh("bulk"), count: 1, sleep_ms: 3_600_000 });
    const { received_at } = await server.get(`/v1/events/${event}`);
    const made = await server.call("POST", "/v1/cancellations", {
      app_id: "ledger",
      function_id: "sleeper",
      started_after: received_at,
      started_before: await server.until("a moment has passed", () => Date.now() > Date.parse(received_at) + 1 && new Date().toISOString()),
      if: `event.data.key == 'nobody' || event.data.sleep_ms == 3600000`,
    });
    assert.equal(made.status, 200, JSON.stringify(made.json));
    const [run] = await runsOf(event);
    assert.equal(run.status, "Cancelled");
    const listed = await server.get("/v1/cancellations");
    assert.ok(listed.some((one) => one.id === made.json.data.id && one.function_id === "sleeper"));
    assert.equal((await server.call("DELETE", `/v1/cancellations/${made.json.data.id}`)).status, 200);
  });

  test("errors have Inngest's shape, and the envelope its metadata", async () => {
    const unknown = "01KB1Z7Q0N0C9M2Q8R5T3V7X1Y";
    for (const [method, route, status] of [
      ["GET", `/v1/runs/${unknown}`, 404],
      ["GET", `/v1/runs/${unknown}/jobs`, 404],
      ["DELETE", `/v1/runs/${unknown}`, 404],
      ["GET", `/v1/events/${unknown}/runs`, 404],
      ["GET", "/v1/events/nonsense", 400],
      ["GET", "/v1/nothing", 404],
      ["PUT", "/v1/signals", 405],
    ]) {
      const answer = await server.call(method, route);
      assert.equal(answer.status, status, route);
      assert.deepEqual(Object.keys(answer.json).sort(), ["error", "status"], route);
      assert.equal(answer.json.status, status);
    }
    const { json } = await server.call("GET", "/v1/events");
    assert.deepEqual(Object.keys(json), ["data", "metadata"]);
    assert.deepEqual(Object.keys(json.metadata), ["fetched_at", "cached_until"]);
    assert.ok(Date.parse(json.metadata.fetched_at) > 0);
  });
});
