/**
 * The component's exports against a host that is scripted: what is asked, in which order, and what comes of it.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../src/component.ts";
import type { BodyOutcome, Failure, Functions, Level, News, Operation, RunContext } from "../src/contract.ts";
import { Inngest, NonRetriableError, serve } from "../src/index.ts";

const nativeImmediate = setImmediate;
const trace: string[] = [];
let script: ((asked: string[]) => [number, News])[] = [];
const finished: BodyOutcome[] = [];
const lines: [Level, string][] = [];
let tickets = 0;

const host = connect({
  operations: {
    start(id: string, operation: Operation) {
      trace.push(`start ${id} ${operation.tag}`);
      return tickets++;
    },
    next() {
      const news = script.shift();
      if (!news) {
        throw new Error("the script is over");
      }
      const told = news(trace);
      trace.push(`next ${told[0]} ${told[1].tag}`);
      return told;
    },
    finish(ticket: number, outcome: BodyOutcome) {
      trace.push(`finish ${ticket} ${outcome.tag}`);
      finished.push(outcome);
    },
    cancel: (ticket: number) => void trace.push(`cancel ${ticket}`),
  },
  logging: { log: (level, message) => void lines.push([level, message]) },
  engine: {
    name: "node",
    drive: "async",
    drain: () => new Promise((resolve) => nativeImmediate(resolve)),
    mapStack: () => "    at src/index.ts:1:1",
  },
});

const never = () => new Promise(() => {});
const bodies: Record<string, () => unknown> = {
  never,
  cleared: () => {
    clearTimeout(setTimeout(() => {}, 60_000));
    return never();
  },
  late: () => {
    setTimeout(() => {}, 1);
    return never();
  },
  timer: () => new Promise((resolve) => setTimeout(() => resolve(1), 5)),
  interval: () => new Promise((resolve) => setInterval(() => resolve(1), 5)),
  throws: () => {
    setTimeout(() => {
      throw new TypeError("in a timer");
    }, 1);
    return never();
  },
};
let next = "never";

const app = new Inngest({ id: "shop" });
const fns = {
  sequence: app.createFunction({ id: "sequence" }, { event: "a/b" }, async ({ step, logger }) => {
    logger.info("begins");
    const a = await step.run("a", () => {
      console.warn("in the body of %s", "a");
      return 1;
    });
    await step.sleep("rest", "1s");
    return a + 1;
  }),
  late: app.createFunction({ id: "late" }, { event: "a/b" }, async ({ step }) => {
    const a = step.run("a", () => 1);
    const later = (hops: number): Promise<unknown> =>
      hops === 0 ? step.run("late", () => 2) : Promise.resolve().then(() => later(hops - 1));
    void a.then(() => later(20));
    return a;
  }),
  timeout: app.createFunction({ id: "timeout" }, { event: "a/b" }, () => AbortSignal.timeout(1)),
  body: app.createFunction({ id: "body" }, { event: "a/b" }, ({ step }) => step.run("a", () => bodies[next]!())),
  fails: app.createFunction({ id: "fails" }, { event: "a/b" }, () => {
    throw new NonRetriableError("no", { data: { code: 7 } });
  }),
};
const exports: Functions = host.functions({ default: serve({ client: app, functions: Object.values(fns) }) });

function context(functionId: string): RunContext {
  const event = { id: "e-1", name: "a/b", data: "{}", user: undefined, ts: 0n, v: undefined };
  return { appId: "shop", functionId, runId: "01JRUN", attempt: 0, maxAttempts: 5, event, events: [event] };
}

/** Runs a function against this script; gives its result or failure, and what was asked. */
async function play(functionId: string, ...news: [number, News][]): Promise<{ result: unknown; trace: string[] }> {
  trace.length = 0;
  finished.length = 0;
  lines.length = 0;
  tickets = 0;
  script = news.map((one) => () => one);
  let result: unknown;
  try {
    result = await exports.run(context(functionId));
  } catch (failure) {
    result = failure;
  }
  return { result, trace: [...trace] };
}

const done = (val: string): News => ({ tag: "done", val });
const execute: News = {
  tag: "execute",
  val: { attempt: 0, maxAttempts: 5, idempotencyKey: "k/0", stepKey: "k", input: undefined },
};

test("all code that can go on runs, then the host is asked once", async () => {
  assert.deepEqual(await play("sequence", [0, done("1")], [1, done("null")]), {
    result: "2",
    trace: ["start a run", "next 0 done", "start rest sleep", "next 1 done"],
  });
  assert.deepEqual(lines, [["info", "begins"]]);
});

test("a twin executes a body between two calls of next", async () => {
  const { result, trace: asked } = await play("sequence", [0, execute], [0, done("1")], [1, done("null")]);
  assert.deepEqual(asked.slice(0, 4), ["start a run", "next 0 execute", "finish 0 ok", "next 0 done"]);
  assert.deepEqual([result, finished], ["2", [{ tag: "ok", val: "1" }]]);
  assert.deepEqual(lines[1], ["warn", "in the body of a"]);
});

test("a body runs at most once, and what has none says so", async () => {
  await play("sequence", [0, execute], [0, execute], [0, done("1")], [1, done("null")]);
  assert.equal(finished[1]?.tag === "err" && finished[1].val.name, "NoBody");
});

/** How the body of this name ends. */
async function bodyOutcome(name: string): Promise<string> {
  next = name;
  await play("body", [0, execute], [0, done("1")]);
  const [outcome] = finished;
  return outcome?.tag === "err" ? `${outcome.val.name}: ${outcome.val.message}` : (outcome?.val ?? "none");
}

test("a body that waits for nothing at all is ended, with the reason", async () => {
  const lost = "Error: the body waits for something that cannot come: a promise that nothing in this step will ever settle";
  for (const name of ["never", "cleared", "late"]) {
    assert.equal(await bodyOutcome(name), lost, name);
  }
});

test("a body may wait on timers; one that throws fails it", async () => {
  assert.equal(await bodyOutcome("timer"), "1");
  assert.equal(await bodyOutcome("interval"), "1");
  assert.equal(await bodyOutcome("throws"), "TypeError: in a timer");
});

test("after its end a workflow starts nothing any more", async () => {
  assert.deepEqual(await play("late", [0, done("1")]), { result: "1", trace: ["start a run", "next 0 done"] });
});

test("news of an operation that was given up reach nobody", async () => {
  assert.deepEqual((await play("sequence", [7, done("9")], [0, done("1")], [1, done("null")])).result, "2");
});

test("what ends a run is handed out in the contract's form", async () => {
  const failure: Failure = {
    name: "Error",
    message: "no",
    stack: "    at src/index.ts:1:1",
    data: '{"code":7}',
    retry: { tag: "non-retriable" },
  };
  assert.deepEqual((await play("fails")).result, failure);
  const unknown = (await play("nobody")).result as Failure;
  assert.deepEqual([unknown.message, unknown.retry.tag], ["the app `shop` has no function `nobody`", "non-retriable"]);
});

test("the guards are around the globals: no timers in workflow code", async () => {
  const { name, message, retry } = (await play("timeout")).result as Failure;
  assert.deepEqual([name, retry.tag], ["NotInWorkflowError", "non-retriable"]);
  assert.match(message, /^AbortSignal.timeout does not exist in workflow code.*step\.sleep/);
});

test("what is described is the configuration of every function", () => {
  assert.deepEqual(
    exports.describe().map((it) => it.id),
    ["sequence", "late", "timeout", "body", "fails"],
  );
  assert.deepEqual(exports.eventSchemas(), []);
});

test("Math.random draws from crypto, and differs from call to call", () => {
  const drawn = Array.from({ length: 100 }, () => Math.random());
  assert.equal(new Set(drawn).size, 100);
  assert.ok(drawn.every((it) => it >= 0 && it < 1));
});
