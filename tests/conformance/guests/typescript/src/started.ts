/**
 * Batches, and what a run says.
 */

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

scenario("print", async ({ step }) => {
  await step.run("work", () => console.log("printed in the body"));
  console.log("printed in the workflow");
});
