/**
 * Functions that only show their configuration.
 */

import { cron } from "@abide/sdk";

import { app, functions } from "./app.ts";

const nothing = () => {};

functions.push(
  app.createFunction(
    {
      id: "options",
      name: "Every option",
      triggers: [
        { event: "conformance/options", if: "event.data.n > 1" },
        { event: "conformance/options.*" },
        cron("TZ=Europe/Berlin 30 4 * * MON-FRI", { jitter: "30s", catchup: "all" }),
        { cron: "0 0 1 * *" },
      ],
      retries: 7,
      backoff: { kind: "exponential", base: "5s", factor: 3, max: "10m", jitter: "1s" },
      concurrency: [{ limit: 5 }, { limit: 2, key: "event.data.shop", scope: "env", per: "run" }],
      throttle: { limit: 10, period: "1m", burst: 3, key: "event.data.shop" },
      rateLimit: { limit: 100, period: "1h", key: "event.data.user" },
      debounce: { period: "5s", key: "event.data.doc", timeout: "1m" },
      priority: { run: "event.data.plan == 'gold' ? 120 : 0" },
      singleton: { mode: "skip", key: "event.data.user" },
      cancelOn: [
        { event: "conformance/cancelled", match: "data.id" },
        { event: "conformance/closed", if: "async.data.shop == event.data.shop", timeout: "2h" },
        { event: "conformance/all", all: true },
      ],
      timeouts: { start: "10m", finish: "2h" },
      retention: "90 days",
      onFailure: { handler: nothing, retries: 9 },
    },
    nothing,
  ),
  app.createFunction(
    {
      id: "options-batch",
      batchEvents: { maxSize: 100, timeout: "10s", key: "event.data.user", if: "event.data.urgent != true" },
      backoff: { kind: "linear", base: "2s" },
    },
    { event: "conformance/options-batch" },
    nothing,
  ),
  app.createFunction(
    {
      id: "options-once",
      idempotency: "event.data.checkout",
      singleton: { mode: "cancel" },
      backoff: { kind: "constant", base: "1s", jitter: "500ms" },
    },
    { event: "conformance/options-once" },
    nothing,
  ),
  app.createFunction({ id: "options-none" }, nothing),
);
