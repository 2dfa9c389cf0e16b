/**
 * Batches, and what a run says.
 */

import { span } from "@abide/sdk";

import { scenario } from "./app.ts";

scenario("batch", ({ event, events }) => ({ first: event.data.n, all: events.map((it) => it.data.n) }), {
  batchEvents: { maxSize: 3, timeout: "10s" },
});

scenario("logs", async ({ step, logger }) => {
  logger.info("begins", { order: 42, to: "Ann" });
  await step.run("work", () => logger.debug({ n: 1 }, "in the body"));
  await step.sleep("rest", "1s");
  logger.warn("ends");
  logger.error("really");
});

scenario("spans", async ({ step }) => {
  await span("order", { n: 1 }, () =>
    step.run("work", () => {
      span("ask", { n: 2 }, (ask) => ask.span("answer", () => {}));
    }),
  );
  await span("declined", async () => {
    throw new Error("no");
  }).catch(() => {});
});

scenario("print", async ({ step }) => {
  await step.run("work", () => console.log("printed in the body"));
  console.log("printed in the workflow");
});
