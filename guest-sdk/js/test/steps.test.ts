import assert from "node:assert/strict";
import { test } from "node:test";

import { Inngest, NonRetriableError, RetryAfterError, StepError, execution, group, openai, referenceFunction, step as ambient } from "../src/index.ts";
import { Run, event } from "../src/testing/index.ts";

const app = new Inngest({ id: "shop" });
let made = 0;

/** A function with this handler. */
function fn(handler: Parameters<typeof app.createFunction>[1] extends never ? never : (ctx: any) => unknown) {
  made += 1;
  return app.createFunction({ id: `fn-${made}`, triggers: { event: "test/started" } }, handler);
}

test("steps run one after the other, and a sleep moves the clock", async () => {
  const run = await Run.of(
    fn(async ({ event: { data }, step }) => {
      const before = Date.now();
      const greeting = await step.run("greet", () => `hello ${data.name}`);
      await step.sleep("rest", "3 days");
      return { greeting, slept: Date.now() - before };
    }),
    event("test/started", { name: "Ada" }),
  );
  assert.deepEqual(run.pending, ["greet"]);
  assert.deepEqual(run.asked("greet"), { kind: "run" });
  assert.deepEqual(await run.execute("greet"), { value: "hello Ada" });
  assert.deepEqual(run.asked("rest"), { kind: "sleep", ms: 259_200_000 });
  await run.complete("rest");
  assert.deepEqual(run.output, { value: { greeting: "hello Ada", slept: 259_200_000 } });
});

test("operations start in the order in which they are written, and repeats are counted", async () => {
  const run = await Run.of(fn(({ step }) => Promise.all([1, 2, 3].map((n) => step.run("same", () => n)))));
  assert.deepEqual(run.pending, ["same", "same:1", "same:2"]);
  assert.deepEqual(await run.toEnd(), { value: [1, 2, 3] });
});

test("every operation asks for what its options say", async () => {
  const run = await Run.of(
    fn(({ step }) =>
      Promise.all([
        step.run({ id: "run", retries: 2, timeout: "30s", backoff: { kind: "linear", base: 5 } }, (a: number, b: number) => a + b, 1, 2),
        step.sleepUntil("until", new Date(1_767_225_700_000)),
        step.waitForEvent("wait", { event: "a/b", timeout: "1h", match: "data.id", lookback: "1m" }),
        step.waitForEvent("until-date", { event: "a/b", timeout: new Date(1_767_225_660_000), if: "async.data.n > 1" }),
        step.waitForSignal("signal", { signal: "go", timeout: 5_000, onConflict: "replace" }),
        step.sendEvent("send", [{ name: "a/b", data: { n: 1 }, ts: 7, id: "k" }, { name: "a/c" }]),
        step.sendSignal("tell", { signal: "go", data: [1], ttl: 0 }),
        step.invoke("call", { function: referenceFunction({ functionId: "render", appId: "video" }), data: { n: 1 }, timeout: "1m" }),
        step.fetch({ id: "get", timeout: "5s" }, "https://x.test/a", { method: "post", headers: { "x-a": "1" }, body: "text" }),
        step.fetch("https://y.test/b"),
        step.ai.infer("ask", { model: openai({ model: "gpt-4o" }), body: { messages: [] } }),
        step.ai.infer("own", { model: openai({ model: "m", baseUrl: "http://own.test/v1/" }), body: { messages: [] } }),
      ]),
    ),
  );
  assert.deepEqual(run.asked("run"), { kind: "run", retries: 2, timeout: 30_000, backoff: { kind: "linear", base: 5 }, input: [1, 2] });
  assert.deepEqual(run.asked("until"), { kind: "sleep-until", time: 1_767_225_700_000 });
  assert.deepEqual(run.asked("wait"), { kind: "wait-for-event", event: "a/b", timeout: 3_600_000, match: "data.id", lookback: 60_000 });
  assert.deepEqual(run.asked("until-date"), { kind: "wait-for-event", event: "a/b", timeout: 60_000, if: "async.data.n > 1" });
  assert.deepEqual(run.asked("signal"), { kind: "wait-for-signal", signal: "go", timeout: 5_000, onConflict: "replace" });
  assert.deepEqual(run.asked("send"), { kind: "send-events", events: [{ id: "k", name: "a/b", data: { n: 1 }, ts: 7 }, { name: "a/c" }] });
  assert.deepEqual(run.asked("tell"), { kind: "send-signal", signal: "go", data: [1], ttl: 0 });
  assert.deepEqual(run.asked("call"), { kind: "invoke", function: "video/render", data: { n: 1 }, timeout: 60_000 });
  assert.deepEqual(run.asked("get"), {
    kind: "fetch",
    method: "POST",
    url: "https://x.test/a",
    headers: [["x-a", "1"], ["content-type", "text/plain;charset=UTF-8"]],
    body: "text",
    timeout: 5_000,
  });
  assert.deepEqual(run.asked("step.fetch: y.test"), { kind: "fetch", method: "GET", url: "https://y.test/b", headers: [] });
  assert.deepEqual(run.asked("ask"), { kind: "ai-infer", format: "openai-chat", model: "gpt-4o", keyVariable: "OPENAI_API_KEY", body: { messages: [] } });
  assert.deepEqual(run.asked("own"), { kind: "ai-infer", format: "openai-chat", model: "m", url: "http://own.test/v1", body: { messages: [] } });
});

test("a wrong request is a failure of the step, which says what is wrong", async () => {
  const wrong = async (start: (step: any) => Promise<unknown>) => {
    const run = await Run.of(fn(({ step }) => start(step)));
    return run.output?.error;
  };
  const refused = (message: string) => ({ name: "InvalidOptions", message, retriable: false });
  assert.deepEqual(
    await wrong((step) => step.sleep("rest", "3 dayz")),
    refused("step `rest`: `3 dayz` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`"),
  );
  assert.deepEqual(
    await wrong((step) => step.waitForEvent("wait", { event: "a/b" })),
    refused('step `wait`: the wait does not say how long: give it `timeout: "7 days"`'),
  );
  assert.deepEqual(
    await wrong((step) => step.waitForEvent("wait", { event: "a/b", timeout: "1s", if: "true", match: "data.x" })),
    refused("step `wait`: `match` and `if` exclude each other: write the first as a part of the second"),
  );
  assert.deepEqual(
    await wrong((step) => step.run("nothing", "not a function")),
    refused("step `nothing`: the step has no body: give it a function, as in step.run(\"charge\", () => charge(order))"),
  );
  assert.deepEqual(
    await wrong((step) => step.sendEvent("send", { name: "a/b", data: [1] })),
    refused("step `send`: the data of event `a/b` is not a JSON object"),
  );
  assert.match((await wrong((step) => step.ai.infer("ask", { model: openai({ model: "m", apiKey: "secret" }), body: {} })))?.message ?? "", /configure a variable/);
});

class Declined extends NonRetriableError {}
class Busy extends RetryAfterError {}

test("failures keep their class, their message and their data", async () => {
  const run = await Run.of(
    fn(async ({ step }) => {
      try {
        await step.run("charge", () => {
          throw new Declined("no funds", { data: { code: 7 } });
        });
      } catch (error) {
        assert.ok(error instanceof StepError);
        return [error.stepId, error.name, error.message, error.data];
      }
    }),
  );
  assert.deepEqual(await run.execute("charge"), { error: { name: "Declined", message: "no funds", retriable: false } });
  assert.deepEqual(run.output, { value: ["charge", "Declined", "no funds", { code: 7 }] });
});

test("an uncaught failure of a step is final and names it; a failure of workflow code is not", async () => {
  const thrown = async (error: unknown, inStep: boolean) => {
    const run = await Run.of(
      fn(async ({ step }) => {
        if (!inStep) {
          throw error;
        }
        await step.run("work", () => {
          throw error;
        });
      }),
    );
    return inStep ? (await run.toEnd()).error : run.output?.error;
  };
  assert.deepEqual(await thrown(new TypeError("broken"), true), { name: "TypeError", message: "step `work`: broken", retriable: false });
  assert.deepEqual(await thrown(new TypeError("broken"), false), { name: "TypeError", message: "broken", retriable: true });
  assert.deepEqual(await thrown(new Busy("busy", "1m"), false), { name: "Busy", message: "busy", retriable: true });
  assert.deepEqual(await thrown(new NonRetriableError("no"), false), { name: "Error", message: "no", retriable: false });
  assert.deepEqual(await thrown("text", false), { name: "Error", message: "text", retriable: true });
  assert.deepEqual(await thrown({ reason: 1 }, false), { name: "Error", message: '{"reason":1}', retriable: true });
  assert.deepEqual(await thrown(new Error("outer", { cause: new Error("inner") }), false), { name: "Error", message: "outer: inner", retriable: true });
});

test("what JSON cannot express is no result", async () => {
  const run = await Run.of(fn(({ step }) => step.run("big", () => 1n)));
  const { error } = await run.execute("big");
  assert.deepEqual([error?.name, error?.retriable], ["InvalidResult", false]);
  assert.match(error?.message ?? "", /^the result: it cannot be written as JSON: /);
});

test("a body cannot use the context", async () => {
  const run = await Run.of(fn(({ step }) => step.run("outer", () => step.run("inner", () => 1))));
  assert.deepEqual(await run.execute("outer"), {
    error: {
      name: "NestedOperation",
      message: "step `inner`: a step's body cannot use the context: start operations in workflow code, and return from the body what they need",
      retriable: false,
    },
  });
});

test("a body knows its attempt, and works on the input that an operator put in its place", async () => {
  const run = await Run.of(
    fn(({ step }) => step.run("square", (n: number) => [n * n, execution().attempt, execution().stepKey, execution().isLast], 3)),
  );
  assert.deepEqual(await run.execute("square", { attempt: 4, input: 5 }), {
    value: [25, 4, "01JTESTRUN000000000000000/square", true],
  });
  assert.throws(() => execution(), /call it inside step.run/);
});

test("workflow code has neither timers nor a network", async () => {
  const run = await Run.of(
    fn(async () => {
      const refused = [];
      try {
        setTimeout(() => {}, 1);
      } catch (error) {
        refused.push((error as Error).message);
      }
      await fetch("http://x.test").catch((error: Error) => refused.push(error.message));
      return refused;
    }),
  );
  const [timer, network] = run.output?.value;
  assert.match(timer, /^setTimeout does not exist in workflow code.*step\.sleep/);
  assert.equal(network, "the network is closed in workflow code: use step.fetch or move it into step.run, whose results are recorded");
});

test("Promise.race leaves the loser alone, step.race gives it up", async () => {
  const left = await Run.of(
    fn(async ({ step }) => {
      const winner = await Promise.race([step.sleep("slow", "1h"), step.run("fast", () => "won")]);
      await step.sleep("after", "1s");
      return winner;
    }),
  );
  await left.execute("fast");
  assert.deepEqual(left.pending, ["slow", "after"]);
  const raced = await Run.of(
    fn(async ({ step }) => {
      const winner = await step.race([step.sleep("slow", "1h"), step.run("fast", () => "won")]);
      await step.sleep("after", "1s");
      return winner;
    }),
  );
  await raced.execute("fast");
  assert.deepEqual([raced.pending, raced.cancelled], [["after"], ["slow"]]);
});

test("a branch that lost starts nothing any more", async () => {
  const run = await Run.of(
    fn(({ step }) =>
      step.race([
        async (branch: any) => {
          await branch.run("a1", () => 1);
          await branch.run("a2", () => 2);
          return "a";
        },
        (branch: any) => branch.sleep("limit", "1s").then(() => "limit"),
      ]),
    ),
  );
  await run.execute("a1");
  await run.complete("limit");
  assert.deepEqual([run.output, run.cancelled], [{ value: "limit" }, ["a2"]]);
});

test("a branch that lost while it waited for something else starts nothing either", async () => {
  const run = await Run.of(
    fn(async ({ step }) => {
      const shared = step.run("shared", () => 1);
      const late = async (branch: any) => {
        await shared;
        return branch.run("late", () => 2);
      };
      const winner = await step.race([late, (branch: any) => branch.sleep("limit", "1s").then(() => "limit")]);
      await shared;
      await step.sleep("after", "1s");
      return winner;
    }),
  );
  await run.complete("limit");
  await run.execute("shared");
  assert.deepEqual(run.pending, ["after"]);
});

test("the first failure of step.parallel gives the other branches up", async () => {
  const run = await Run.of(
    fn(({ step }) =>
      step.parallel([
        step.run("bad", () => {
          throw new Error("no");
        }),
        step.sleep("long", "1h"),
      ]),
    ),
  );
  await run.execute("bad");
  assert.deepEqual([run.output?.error?.message, run.cancelled], ["step `bad`: no", ["long"]]);
});

test("group.parallel gives up what a settled race left behind", async () => {
  const handler = async ({ step, group: tools }: any) => {
    await tools.parallel(() => Promise.race([step.sleep("slow", "1h"), step.run("fast", () => 1)]));
    await step.sleep("after", "1s");
  };
  const run = await Run.of(fn(handler));
  await run.execute("fast");
  assert.deepEqual([run.pending, run.cancelled], [["after"], ["slow"]]);
});

test("an AbortSignal gives a step up", async () => {
  const run = await Run.of(
    fn(async ({ step }) => {
      const giveUp = new AbortController();
      const long = step.sleep({ id: "long", signal: giveUp.signal }, "1h").catch((error: Error) => error.message);
      await step.run("work", () => 1);
      giveUp.abort(new Error("not needed"));
      return long;
    }),
  );
  await run.execute("work");
  assert.deepEqual([run.output, run.cancelled], [{ value: "not needed" }, ["long"]]);
});

test("code far from the handler has step and group too, and inngest.send is a step", async () => {
  const run = await Run.of(
    fn(async () => {
      const { ids } = await app.send({ name: "a/b", data: { n: 1 } });
      return [ids, await ambient.run("far", () => 2), typeof group.parallel];
    }),
  );
  assert.deepEqual(run.asked("inngest.send"), { kind: "send-events", events: [{ name: "a/b", data: { n: 1 } }] });
  assert.deepEqual(await run.toEnd({ "inngest.send": ["id-1"] }), { value: [["id-1"], 2, "function"] });
});

test("a recorded response is read like any other", async () => {
  const run = await Run.of(
    fn(async ({ step }) => {
      const response = await step.fetch("get", "https://x.test/");
      const copy = response.clone();
      return [response.ok, response.status, response.headers.get("X-A"), await response.json(), await copy.text()];
    }),
  );
  await run.complete("get", { status: 201, headers: { "x-a": "1" }, body: '{"n":1}' });
  assert.deepEqual(run.output, { value: [true, 201, "1", { n: 1 }, '{"n":1}'] });
  const binary = await Run.of(fn(async ({ step }) => [...(await (await step.fetch("get", "https://x.test/")).bytes())]));
  await binary.complete("get", { status: 200, headers: {}, body_base64: "/wA=" });
  assert.deepEqual(binary.output, { value: [255, 0] });
});

test("a handler of failures is told what failed", async () => {
  const failing = app.createFunction(
    { id: "failing", onFailure: ({ error, event: failed }) => [error.name, error.message, failed.data.event.data, failed.data.function_id] },
    { event: "test/started" },
    () => {},
  );
  const run = await Run.afterFailure(failing, event("test/started", { n: 1 }), new Declined("no"));
  assert.deepEqual(run.output, { value: ["Declined", "no", { n: 1 }, "test/failing"] });
});

test("a run plays itself to its end, sleeps in the order in which they are due", async () => {
  const run = await Run.of(
    fn(async ({ step }) => {
      const trace: string[] = [];
      await Promise.all(
        [["a", "2h"], ["b", "1h"]].map(async ([name, time]) => {
          await step.sleep(`rest-${name}`, time);
          trace.push(name!);
        }),
      );
      return trace;
    }),
  );
  assert.deepEqual(await run.toEnd(), { value: ["b", "a"] });
});
