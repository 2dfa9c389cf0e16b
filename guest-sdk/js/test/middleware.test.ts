import assert from "node:assert/strict";
import { test } from "node:test";

import { Inngest, InngestMiddleware, Middleware, dependencyInjectionMiddleware } from "../src/index.ts";
import { Run, event } from "../src/testing/index.ts";

test("the hooks of the object form, in their order", async () => {
  const trace: string[] = [];
  const note = (what: string) => () => void trace.push(what);
  const traced = new InngestMiddleware({
    name: "traced",
    init: () => ({
      onFunctionRun: () => ({
        transformInput: () => {
          trace.push("transformInput");
          return { ctx: { db: "connected" } };
        },
        beforeMemoization: note("beforeMemoization"),
        afterMemoization: note("afterMemoization"),
        beforeExecution: note("beforeExecution"),
        afterExecution: note("afterExecution"),
        transformOutput: ({ result, step }) => {
          trace.push(`transformOutput ${step ? step.name : "run"}`);
          return step ? { result: { data: `${result.data}!` } } : undefined;
        },
        finished: note("finished"),
        beforeResponse: note("beforeResponse"),
      }),
    }),
  });
  const app = new Inngest({ id: "shop", middleware: [traced] });
  const fn = app.createFunction({ id: "work" }, { event: "a/b" }, async ({ step, db }) => {
    trace.push("handler");
    return [db, await step.run("body", () => "done")];
  });
  const run = await Run.of(fn, event("a/b"));
  await run.execute("body");
  assert.deepEqual(run.output, { value: ["connected", "done!"] });
  assert.deepEqual(trace, [
    "transformInput",
    "beforeMemoization",
    "afterMemoization",
    "handler",
    "beforeExecution",
    "afterExecution",
    "transformOutput body",
    "beforeResponse",
    "transformOutput run",
    "finished",
    "beforeResponse",
  ]);
});

test("the hooks of the class form, in their order; the first middleware is the outermost", async () => {
  const trace: string[] = [];
  const traced = (name: string) =>
    class extends Middleware.BaseMiddleware {
      readonly id = name;
      override onRunStart() {
        trace.push(`${name} onRunStart`);
      }
      override async wrapFunctionHandler({ next }: { next: () => Promise<unknown> }) {
        trace.push(`${name} in`);
        const output = await next();
        trace.push(`${name} out`);
        return output;
      }
      override async wrapStepHandler({ next, stepInfo }: Middleware.WrapStepArgs) {
        trace.push(`${name} ${stepInfo.stepType} ${stepInfo.hashedId.slice(0, 6)}`);
        return `${name}(${await next()})`;
      }
      override transformStepInput(args: Middleware.TransformStepInputArgs) {
        return { ...args, input: args.input.map((it) => `${it}${name}`) };
      }
      override onStepError({ error, isFinalAttempt }: Middleware.OnStepErrorArgs) {
        trace.push(`${name} ${error.message} ${isFinalAttempt}`);
      }
      override onRunComplete() {
        trace.push(`${name} complete`);
      }
    };
  const app = new Inngest({ id: "shop", middleware: [traced("A"), traced("B")] });
  const fn = app.createFunction({ id: "work", triggers: [{ event: "a/b" }] }, async ({ step }) => {
    const done = await step.run("my-step-id", (it: string) => it, "x");
    await step
      .run("bad", () => {
        throw new Error("broken");
      })
      .catch(() => {});
    return done;
  });
  const run = await Run.of(fn, event("a/b"));
  await run.execute("my-step-id");
  await run.execute("bad", { attempt: 4 });
  assert.deepEqual(run.output, { value: "A(B(xAB))" });
  assert.deepEqual(trace, [
    "A onRunStart",
    "B onRunStart",
    "A in",
    "B in",
    "A run e7d8a2",
    "B run e7d8a2",
    "A run 1902e3",
    "B run 1902e3",
    "B broken true",
    "A broken true",
    "B out",
    "B complete",
    "A out",
    "A complete",
  ]);
});

test("events pass through middleware on their way out, in workflow code", async () => {
  const stamped = new InngestMiddleware({
    name: "stamped",
    init: () => ({
      onSendEvent: () => ({
        transformInput: ({ payloads }) => ({ payloads: payloads.map((it) => ({ ...it, user: { by: "test" } })) }),
        transformOutput: ({ result }) => ({ result: { count: result.ids.length } }),
      }),
    }),
  });
  class Versioned extends Middleware.BaseMiddleware {
    readonly id = "versioned";
    override transformSendEvent(args: Middleware.TransformSendEventArgs) {
      return { ...args, events: args.events.map((it) => ({ ...it, v: "2" })) };
    }
  }
  const app = new Inngest({ id: "shop", middleware: [stamped, Versioned] });
  const fn = app.createFunction({ id: "work" }, { event: "a/b" }, ({ step }) => step.sendEvent("tell", { name: "a/c" }));
  const run = await Run.of(fn, event("a/b"));
  assert.deepEqual(run.asked("tell").events, [{ name: "a/c", user: { by: "test" }, v: "2" }]);
  await run.complete("tell", ["id-1"]);
  assert.deepEqual(run.output, { value: { ids: ["id-1"], count: 1 } });
});

test("a function's middleware is inside that of its client", async () => {
  const app = new Inngest({ id: "shop", middleware: [dependencyInjectionMiddleware({ who: "client", both: 1 })] });
  const fn = app.createFunction(
    { id: "work", middleware: [dependencyInjectionMiddleware({ who: "function" })] },
    { event: "a/b" },
    ({ who, both }) => [who, both],
  );
  assert.deepEqual((await Run.of(fn, event("a/b"))).output, { value: ["function", 1] });
});

test("what could never be called is refused", () => {
  class Request extends Middleware.BaseMiddleware {
    readonly id = "request";
    wrapRequest() {}
  }
  assert.throws(() => new Inngest({ id: "shop", middleware: [Request] }), /middleware `Request`: wrapRequest has nothing to wrap/);
  assert.throws(() => new Inngest({ id: "shop", middleware: [{} as never] }), /give an InngestMiddleware, or a class/);
});
