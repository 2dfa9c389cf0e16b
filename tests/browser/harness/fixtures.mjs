// Runs in every state that there is, each with something to see.

const HOUR_MS = 3_600_000;

/** Starts them and waits until each is where it belongs. Their ids, by what they are. */
export async function populate(server, environment) {
  const start = (name, event, data, status) => server.start(`shop/${name}`, event, data, status, environment);
  const runs = {};
  runs.sleeping = await start("nap", "shop/reminder.set", { sleep_ms: HOUR_MS, tenant: "acme" }, "Sleeping");
  runs.waiting = await start("approve", "shop/payment.large", { id: 42, amount: 250_000 }, "Waiting");
  runs.failed = await start("charge", "shop/charge.asked", { amount: 500, currency: "EUR" }, "Failed");
  runs.retrying = await start("import", "shop/catalogue.published", { catalogue: "spring" }, (run) =>
    run.steps.some((step) => step.status === "retrying"),
  );
  runs.holding = await start("one-by-one", "shop/bill.due", { tenant: "acme", sleep_ms: HOUR_MS }, "Sleeping");
  runs.queued = await start("one-by-one", "shop/bill.due", { tenant: "acme", sleep_ms: HOUR_MS }, "Queued");
  await start("seldom", "shop/stock.low", { shelf: 1 }, "Completed");
  runs.skipped = await start("seldom", "shop/stock.low", { shelf: 2 }, "Skipped");
  runs.cancelled = await start("nap", "shop/reminder.set", { sleep_ms: HOUR_MS }, "Sleeping");
  await server.api("POST", `/api/v1/runs/${runs.cancelled}/cancel`, { reason: "ordered twice" }, environment);
  await server.reaches(runs.cancelled, "Cancelled", environment);
  runs.paused = await start("nap", "shop/reminder.set", { sleep_ms: HOUR_MS }, "Sleeping");
  await server.api("POST", `/api/v1/runs/${runs.paused}/pause`, { reason: "the shop is being moved" }, environment);
  await server.reaches(runs.paused, "Paused", environment);
  runs.completed = await start("fulfil", "shop/order.placed", { id: 7, amount: 1900, failures: 1, sleep_ms: 50 }, "Completed");
  runs.long = await start("steps", "shop/stock.count", { count: 60 }, "Completed");
  return runs;
}
