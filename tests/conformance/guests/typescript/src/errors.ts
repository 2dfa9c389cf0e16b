/**
 * What fails, and what becomes of it.
 */

import { NonRetriableError, RetryAfterError } from "@abide/sdk";

import { RETRIES_2, app, attempt, caught, errorOf, functions, pause, scenario, withData } from "./app.ts";

class NotYet extends Error {}
class OutOfStock extends Error {}
class BadInput extends NonRetriableError {}
class Busy extends RetryAfterError {}
class Nope extends Error {}
class Outside extends Error {}
class Fatal extends NonRetriableError {}
class HotelFull extends NonRetriableError {}
class Broken extends NonRetriableError {}

scenario("plain-error", async ({ step }) => {
  const { name, message } = await errorOf(
    step.run("plain", () => {
      throw new Error("plain");
    }),
  );
  return { name, message };
});

scenario(
  "retry",
  ({ step }) =>
    step.run("flaky", () => {
      if (attempt() < 2) {
        throw new NotYet(`not yet (attempt ${attempt()})`);
      }
      return attempt();
    }),
  RETRIES_2,
);

const noneLeft = () => {
  throw withData(new OutOfStock("none left"), { sku: "x" });
};

scenario("exhausted", async ({ step }) => caught(await errorOf(step.run("never", noneLeft))), RETRIES_2);

scenario("uncaught", ({ step }) => step.run("never", noneLeft), RETRIES_2);

scenario("uncaught-plain", ({ step }) =>
  step.run("plain", () => {
    throw new Error("plain");
  }),
);

scenario(
  "non-retriable",
  async ({ step }) => {
    const error = await errorOf(
      step.run("bad", () => {
        throw new BadInput("bad input");
      }),
    );
    return caught(error);
  },
  RETRIES_2,
);

scenario(
  "retry-after",
  ({ event, step }) =>
    step.run("later", () => {
      switch (attempt()) {
        case 0:
          throw new Busy("busy", "60s");
        case 1:
          throw new Busy("still busy", new Date(event.data.at));
        default:
          return attempt();
      }
    }),
  RETRIES_2,
);

scenario("step-options", async ({ step }) => {
  const nope = () => {
    throw new Nope("no");
  };
  const often = { id: "often", retries: 2, backoff: { kind: "linear", base: "2s" } } as const;
  const growing = {
    id: "growing",
    retries: 3,
    backoff: { kind: "exponential", base: "1s", factor: 3, max: "5s" },
  } as const;
  const e = await errorOf(step.run(often, nope));
  const f = await errorOf(step.run(growing, nope));
  return [e.name, f.name];
});

scenario(
  "step-timeout",
  ({ step }) =>
    step.run({ id: "slow", retries: 1, timeout: "2s" }, async () => {
      if (attempt() === 0) {
        await pause(60_000);
      }
      return "fast";
    }),
  { backoff: { kind: "constant", base: "1s" } },
);

scenario(
  "outside-steps",
  async ({ step, attempt: turn }) => {
    const kept = await step.run("kept", () => 1);
    if (turn < 2) {
      throw new Outside(`attempt ${turn}`);
    }
    const last = await step.run("last", () => kept + 1);
    return { attempt: turn, last };
  },
  RETRIES_2,
);

scenario(
  "outside-exhausted",
  () => {
    throw new Outside("always");
  },
  { retries: 1, backoff: { kind: "constant", base: "1s" } },
);

scenario(
  "outside-final",
  () => {
    throw new Fatal("stop", { data: { n: 1 } });
  },
  RETRIES_2,
);

scenario("catch", async ({ step }) => {
  const flight = await step.run("book-flight", () => "F1");
  try {
    await step.run("book-hotel", () => {
      throw new HotelFull("no room");
    });
  } catch (error) {
    const undone = await step.run("cancel-flight", () => `cancelled ${flight}`);
    return { undone, because: (error as Error).name };
  }
  return null;
});

functions.push(
  app.createFunction(
    {
      id: "on-failure",
      retries: 0,
      onFailure: {
        retries: 0,
        handler: ({ error, event, step }) =>
          step.run("tell", () => ({
            function: event.data.function_id,
            name: error.name,
            message: error.message,
            data: event.data.event.data,
          })),
      },
    },
    { event: "conformance/on-failure" },
    () => {
      throw new Broken("it broke");
    },
  ),
);
