import assert from "node:assert/strict";
import { test } from "node:test";

import { z } from "zod";

import { describe, eventSchemas } from "../src/component.ts";
import { EventSchemas, Inngest, cron, eventType, serve } from "../src/index.ts";
import { appOf } from "../src/serve.ts";
import { configOf } from "../src/testing/index.ts";

const app = new Inngest({ id: "shop" });
const nothing = () => {};

test("every option reaches the host, and none that was not given", () => {
  const fn = app.createFunction(
    {
      id: "fulfil",
      name: "Fulfil",
      triggers: [{ event: "order/created", if: "event.data.total > 10" }, cron("0 9 * * *", { jitter: "30s" })],
      retries: 3,
      backoff: { kind: "exponential", base: "5s", factor: 3 },
      concurrency: [5, 2].map((limit) => ({ limit })),
      throttle: { limit: 10, period: "1m" },
      singleton: { mode: "skip", key: "event.data.id" },
      cancelOn: [{ event: eventType("order/cancelled"), match: "data.id", timeout: "1h" }],
      timeouts: { finish: "2h" },
      onFailure: { handler: nothing, retries: 9 },
    },
    nothing,
  );
  assert.deepEqual(configOf(fn), {
    id: "fulfil",
    name: "Fulfil",
    triggers: [{ event: "order/created", if: "event.data.total > 10" }, { cron: "0 9 * * *", jitter: 30_000 }],
    retries: 3,
    backoff: { kind: "exponential", base: 5_000, factor: 3 },
    concurrency: [{ limit: 5 }, { limit: 2 }],
    throttle: { limit: 10, period: 60_000 },
    singleton: { mode: "skip", key: "event.data.id" },
    cancelOn: [{ event: "order/cancelled", match: "data.id", all: false, timeout: 3_600_000 }],
    timeouts: { finish: 7_200_000 },
    onFailure: { id: "fulfil-failure", triggers: [{ failureOf: "fulfil" }], retries: 9 },
  });
  assert.deepEqual(configOf(app.createFunction({ id: "bare" }, nothing)), { id: "bare" });
});

test("the forms of Inngest 3 and 4 mean the same", () => {
  const three = app.createFunction({ id: "a" }, { event: "x/y" }, nothing);
  const four = app.createFunction({ id: "a", triggers: { event: "x/y" } }, nothing);
  const several = app.createFunction({ id: "a" }, [{ event: "x/y" }, { cron: "* * * * *" }], nothing);
  assert.deepEqual(configOf(three), configOf(four));
  assert.equal(configOf(several).triggers.length, 2);
});

test("all faults are told, each with its option", () => {
  const fn = app.createFunction(
    {
      id: "Wrong Id",
      retries: 21,
      backoff: { kind: "exponential", base: "fast", factor: 0.5 },
      concurrency: { limit: 0, scope: "env" },
      throttle: { limit: 1, period: "8 days" },
      debounce: { period: "10s", timeout: "5s" },
      batchEvents: { maxSize: 1, timeout: "1s" },
      idempotency: " ",
      singleton: { mode: "drop" as never },
      cancelOn: [{ event: "order/*" }],
      timeouts: {},
      retention: "1s",
      onFailure: { handler: nothing, retries: 30 },
    },
    [{ event: "a*b" }, { cron: "every day" }],
    nothing,
  );
  assert.deepEqual(fn.describe().faults, [
    "backoff.base: `fast` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`",
    "id: `Wrong Id` must be kebab-case (`welcome-drip`) of at most 128 characters",
    "triggers: `a*b`: `*` can only be the last part of a pattern: `order/*` or `order/paid.*`",
    "cron: `every day` is not a schedule: five fields (minute, hour, day of month, month, day of week), after an optional `TZ=Area/City `",
    "retries: must be 0 to 20, not 21",
    "backoff.factor: must be 1 to 1000",
    "concurrency.limit: must be at least 1; to stop a function for a while, pause it",
    "concurrency.key: the scope `env` needs a key, which says who shares the limit, for example `\"'billing-api'\"`",
    "throttle.period: must be 1 second to 7 days",
    "debounce.timeout: must be at least the period",
    "batchEvents.maxSize: must be 2 to 1000, not 1",
    "batchEvents: cannot be combined with `cancelOn`, which is about single events",
    "batchEvents: cannot be combined with `debounce`, which is about single events",
    "batchEvents: cannot be combined with `singleton`, which is about single events",
    "batchEvents: cannot be combined with `idempotency`, which is about single events",
    "idempotency: the expression is empty",
    "singleton.mode: must be `skip`, `cancel`, not `drop`",
    "cancelOn.event: `order/*` must be the exact name of an event, without `*`",
    "cancelOn: `order/*` needs exactly one of `match`, `if` and `all`, to say which runs it cancels",
    "timeouts: `start`, `finish` or both must be given",
    "retention: must be 1 hour to 10 years",
    "onFailure.retries: must be 0 to 20, not 30",
  ]);
});

test("the faults of all functions end the deploy together", () => {
  const functions = [
    app.createFunction({ id: "a", retries: 21, onFailure: nothing }, nothing),
    app.createFunction({ id: "a-failure" }, nothing),
  ];
  assert.throws(() => describe(serve({ client: app, functions })), {
    message: "function `a`: retries: must be 0 to 20, not 21; function `a-failure`: id: two functions of the app have it",
  });
});

test("schemas that can say their JSON Schema are deployed; types alone are not", () => {
  const schemas = new EventSchemas()
    .fromRecord<{ "a/typed": { data: { n: number } } }>()
    .fromZod({ "a/zod": { data: z.object({ n: z.number().int() }) } })
    .fromZod([z.object({ name: z.literal("a/literal"), data: z.object({ s: z.string() }) })])
    .fromSchema({ "a/standard": z.object({ b: z.boolean() }) })
    .withJsonSchema("a/plain", { type: "object" }, { version: "2" });
  const client = new Inngest({ id: "shop", schemas });
  const records = eventSchemas(serve({ client, functions: [] }));
  assert.deepEqual(
    records.map(({ event, v, schema }) => [event, v, Object.keys(JSON.parse(schema).properties ?? {})]),
    [
      ["a/zod", undefined, ["n"]],
      ["a/literal", undefined, ["s"]],
      ["a/standard", undefined, ["b"]],
      ["a/plain", "2", []],
    ],
  );
});

test("two schemas of one event are refused", () => {
  const schemas = new EventSchemas().withJsonSchema("a/b", {}).withJsonSchema("a/b", true);
  const served = serve({ client: new Inngest({ id: "shop", schemas }), functions: [] });
  assert.throws(() => eventSchemas(served), { message: "the schema of event `a/b`: there are two of it" });
});

test("the schemas of event types that start functions are deployed too", () => {
  const paid = eventType("order/paid", { schema: z.object({ id: z.string() }), version: "2" });
  const functions = [
    app.createFunction({ id: "a", triggers: [paid] }, nothing),
    app.createFunction({ id: "b", triggers: [{ event: paid, if: "true" }, eventType("order/*", { schema: z.object({}) })] }, nothing),
  ];
  const records = eventSchemas(serve({ client: app, functions }));
  assert.deepEqual(records.map(({ event, v }) => [event, v]), [["order/paid", "2"]]);
  const other = eventType("order/paid", { schema: z.object({ id: z.number() }), version: "2" });
  const clash = [...functions, app.createFunction({ id: "c", triggers: [other] }, nothing)];
  assert.throws(() => eventSchemas(serve({ client: app, functions: clash })), {
    message: "the schema of event `order/paid`, version `2`: there are two of it",
  });
});

test("an entry may export its app in several ways", () => {
  const fn = app.createFunction({ id: "a" }, nothing);
  const served = serve({ client: app, functions: [fn] });
  for (const exports of [
    { default: served },
    { default: [fn] },
    { default: fn },
    { functions: [fn] },
    { GET: served.GET, POST: served.POST },
  ]) {
    assert.deepEqual(appOf(exports).functions, [fn]);
  }
});
