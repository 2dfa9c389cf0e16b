/**
 * Steps, and what passes through them.
 */

import { execution } from "@abide/sdk";

import { RETRIES_2, attempt, errorOf, scenario } from "./app.ts";

class Again extends Error {}

scenario("run", async ({ step }) => {
  const first = await step.run("first", () => 1);
  const second = await step.run("second", () => first + 1);
  return { first, second };
});

scenario("context", ({ appId, functionId, runId, attempt, maxAttempts, event, events }) => {
  const { id, name, data, user, ts, v } = event;
  return {
    app: appId,
    function: functionId,
    runIdLength: runId.length,
    attempt,
    maxAttempts,
    event: { id, name, data, user, ts, v },
    events: events.length,
  };
});

scenario("values", async ({ step }) => {
  const results: unknown[] = [];
  for (const value of [null, true, 0, "", [], {}, { a: [1, { b: null }] }]) {
    results.push(await step.run("value", () => value));
  }
  return results;
});

scenario("nothing", async ({ step }) => {
  await step.run("nothing", () => {});
});

scenario("unicode", async ({ event, step }) => {
  const { text } = event.data;
  const echoed = await step.run("größe 🧭", () => text);
  return { echoed, same: echoed === text };
});

scenario("numbers", async ({ event, step }) => {
  const { data } = event;
  const same = await step.run("same", () => data);
  return {
    same,
    sum: data.max + data.min,
    tenths: data.tenth + 0.2,
    third: 1 / 3,
    negativeZero: 1 / data.zero === -Infinity,
    odd: data.odd,
  };
});

scenario("large", async ({ event, step }) => {
  const text: string = await step.run("echo", () => event.data.text);
  const more = await step.run("more", () => `${text}b`);
  return { length: more.length, text: more };
});

scenario(
  "keys",
  ({ step }) =>
    step.run("told", () => {
      if (attempt() < 1) {
        throw new Again("once more");
      }
      const { attempt: n, maxAttempts, idempotencyKey, stepKey } = execution();
      return { attempt: n, maxAttempts, idempotencyKey, stepKey };
    }),
  RETRIES_2,
);

scenario("step-input", ({ event, step }) =>
  step.run("square", (input: { n: number }) => input.n * input.n, { n: event.data.n }),
);

scenario("loop", async ({ step }) => {
  const squares: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    squares.push(await step.run("item", () => i * i));
  }
  return squares;
});

scenario("many", async ({ step }) => {
  let sum = 0;
  for (let i = 0; i < 100; i += 1) {
    sum += await step.run("add", () => i);
  }
  return sum;
});

scenario("helper", async ({ step }) => {
  const loadAndStore = async (name: string) => {
    const a = await step.run("load", () => name);
    await step.sleep("pause", "1s");
    return step.run("store", () => `${a}!`);
  };
  const x = await loadAndStore("x");
  const [y, z] = await Promise.all([loadAndStore("y"), loadAndStore("z")]);
  return [x, y, z];
});

scenario("nested-operation", async ({ step }) => {
  const error = await errorOf(step.run("outer", () => step.run("inner", () => 1)));
  return { name: error.name };
});
