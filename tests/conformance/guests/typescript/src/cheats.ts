/**
 * Workflow code that tries to learn what replay could not repeat.
 */

import type { StepTools } from "@abide/sdk";

import { pause, scenario } from "./app.ts";

scenario("clock", async ({ step }) => {
  const a = Date.now();
  let turns = 0;
  while (turns < 1_000_000) {
    turns += 1;
  }
  const b = Date.now();
  await step.run("work", () => pause(50));
  await step.sleep("hour", "1h");
  return { spin: b - a, hour: Date.now() - a };
});

scenario("body-clock", ({ step }) =>
  step.run("measure", async () => {
    const a = Date.now();
    await pause(50);
    return Date.now() - a >= 50;
  }),
);

/** Records what the workflow code saw: replay compares the input. */
const observe = (step: StepTools, id: string, seen: string) => step.run(id, (it: string) => it, seen);

const random = () => String(Math.random());

scenario("randomness", async ({ step }) => {
  const a = random();
  await observe(step, "observe", a);
  const mine = await step.run("observe-body", random);
  await step.sleep("rest", "1s");
  const b = random();
  const kept = await observe(step, "observe-again", b);
  return { kept: kept === b, moves: a !== b, body: mine !== a };
});

let counter = 0;

scenario("globals", async ({ step }) => {
  const touch = () =>
    step.run("touch", () => {
      counter += 10;
    });
  counter += 1;
  const seen = [counter];
  await touch();
  seen.push(counter);
  await step.sleep("rest", "1s");
  seen.push(counter);
  await touch();
  seen.push(counter);
  return seen;
});

scenario("captured", async ({ step }) => {
  let n = 0;
  const returned = await step.run("change", () => {
    n += 1;
    return n;
  });
  const seen = [n];
  await step.sleep("rest", "1s");
  seen.push(n);
  return { returned, seen };
});

scenario("environment", async ({ step }) => {
  const read = () => process.env["CONFORMANCE_VARIABLE"] ?? null;
  const body = await step.run("read", read);
  let workflow: string | null = null;
  try {
    workflow = read();
  } catch {
    // Asking for it is refused.
  }
  return { body, workflow };
});

scenario("network", async ({ event, step }) => {
  const refused = await fetch(`${event.data.url}/ok`).then(
    () => false,
    () => true,
  );
  await step.sleep("rest", "1s");
  return { refused };
});

const keys = () => {
  const map = new Map(Array.from({ length: 20 }, (_, n) => [`key-${n}`, n]));
  return [...map.keys()];
};

scenario("hash-order", async ({ step }) => {
  const order = keys();
  await observe(step, "observe", order.join(","));
  await step.sleep("rest", "1s");
  const again = keys().join(",");
  const kept = await observe(step, "observe-again", again);
  return { count: order.length, kept: kept === again };
});

/** JavaScript shows no addresses. */
const place = () => "none";

scenario("addresses", async ({ step }) => {
  await observe(step, "observe", place());
  await step.run("waste", () => {
    void new Uint8Array(100_000).fill(1);
  });
  const other = place();
  const kept = await observe(step, "observe-again", other);
  await step.sleep("rest", "1s");
  return kept === other;
});
