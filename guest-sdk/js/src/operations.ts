/**
 * `step`: what a handler can ask of the host, one function each. What they have in common is in `step.ts`.
 */

import { type Model, inferRecord, models } from "./ai.ts";
import { Faults, backoffRecord, eventName } from "./config.ts";
import type { ExecutionRecord, NewEventRecord, RunOptions } from "./contract.ts";
import { type DurationInput, type TimeInput, durationToMs, timeToMs, timeoutToMs } from "./duration.ts";
import { InvalidResult, refusal } from "./errors.ts";
import type { EventPayload } from "./events.ts";
import { fetchRecord, isRequestTarget, readResponse, targetHost } from "./fetch.ts";
import type { StepInfo, StepType } from "./hooks.ts";
import { targetOf } from "./function.ts";
import { toJson, toJsonObject } from "./json.ts";
import type { Body } from "./scheduler.ts";
import { Branch, type Run, giveUp, operate } from "./step.ts";
import type { StepOptions, StepOptionsOrId, StepTools, WaitForSignalOptions } from "./step-types.ts";

type AnyFunction = (...args: any[]) => unknown;

/** The tools of a run, or of a branch of it. */
export function stepTools(run: Run, branch?: Branch): StepTools {
  const tools = {
    run: (id: StepOptionsOrId, body: AnyFunction, ...input: unknown[]) => runBody(run, branch, "run", id, body, input),

    sleep: (id: StepOptionsOrId, time: DurationInput) =>
      operate(run, branch, id, {
        type: "sleep",
        input: [time],
        prepare: (_, [length]) => ({ tag: "sleep", val: BigInt(durationToMs(length as DurationInput)) }),
        read: () => undefined,
      }),

    sleepUntil: (id: StepOptionsOrId, time: TimeInput) =>
      operate(run, branch, id, {
        type: "sleepUntil",
        input: [time],
        prepare: (_, [point]) => ({ tag: "sleep-until", val: BigInt(timeToMs(point as TimeInput)) }),
        read: () => undefined,
      }),

    waitForEvent: (id: StepOptionsOrId, options: WaitForEvent) => waitForEvent(run, branch, id, options),
    waitForSignal: (id: StepOptionsOrId, options: WaitForSignalOptions) => waitForSignal(run, branch, id, options),

    sendEvent: (id: StepOptionsOrId, events: EventPayload | readonly EventPayload[]) =>
      sendEvents(run, branch, id, events),

    sendSignal: (id: StepOptionsOrId, options: { signal: string; data?: unknown; ttl?: DurationInput }) =>
      operate(run, branch, id, {
        type: "sendSignal",
        input: [options],
        prepare: () => ({
          tag: "send-signal",
          val: {
            signal: String(options.signal),
            data: options.data === undefined ? undefined : toJson(options.data),
            ttl: milliseconds("ttl", options.ttl),
          },
        }),
        read: () => ({ runId: undefined }),
      }),

    invoke: (id: StepOptionsOrId, options: Invoke) =>
      operate(run, branch, id, {
        type: "invoke",
        input: [options.data],
        prepare: (_, [data]) => ({
          tag: "invoke",
          val: {
            function: targetOf(options.function, run.appId),
            data: data === undefined ? undefined : named("data", () => toJsonObject(data)),
            timeout: options.timeout === undefined ? undefined : BigInt(timeoutToMs(options.timeout, Date.now)),
          },
        }),
        read: value,
      }),

    fetch: (...args: unknown[]) => durableFetch(run, branch, args),

    ai: {
      infer: (id: StepOptionsOrId, { model, body }: { model: Model; body: object }) =>
        operate(run, branch, id, {
          type: "ai.infer",
          input: [body],
          prepare: (options, [changed]) => ({
            tag: "ai-infer",
            val: inferRecord(model, changed as object, {
              timeout: milliseconds("timeout", options.timeout),
              retries: options.retries,
            }),
          }),
          read: value,
        }),
      wrap: (id: StepOptionsOrId, body: AnyFunction, ...input: unknown[]) =>
        runBody(run, branch, "ai.wrap", id, body, input),
      models,
    },

    parallel: (branches: readonly AnyBranch[]) => {
      const begun = begin(run, branches);
      return settleAll(Promise.all(begun.map((it) => it.promise)), begun);
    },

    race: (branches: readonly AnyBranch[]) => {
      const begun = begin(run, branches);
      return settleAll(Promise.race(begun.map((it) => it.promise)), begun);
    },
  };
  return tools as unknown as StepTools;
}

interface WaitForEvent {
  event: unknown;
  timeout: DurationInput | TimeInput;
  if?: string;
  match?: string;
  lookback?: DurationInput;
}

interface Invoke {
  function: unknown;
  data?: unknown;
  timeout?: DurationInput | TimeInput;
}

/** The result of an operation that always has one. */
function value(outcome: { tag: "done"; val: string } | { tag: "empty" }): unknown {
  return outcome.tag === "done" ? JSON.parse(outcome.val) : null;
}

function milliseconds(option: string, length: DurationInput | undefined): bigint | undefined {
  return length === undefined ? undefined : named(option, () => BigInt(durationToMs(length)));
}

/** Says which option it is whose value is wrong. */
function named<T>(option: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    throw new Error(`${option}: ${(error as Error).message}`);
  }
}

/** The options of a step with attempts. */
function attempts(options: StepOptions): Omit<RunOptions, "input"> {
  const faults = new Faults();
  const record = {
    retries: faults.whole("retries", options.retries),
    timeout: faults.length("timeout", options.timeout),
    backoff: options.backoff && backoffRecord(options.backoff, faults),
  };
  if (faults.list.length > 0) {
    throw new Error(faults.list.join("; "));
  }
  return record;
}

function runBody(run: Run, branch: Branch | undefined, type: StepType, id: StepOptionsOrId, fn: AnyFunction, input: unknown[]) {
  return operate(run, branch, id, {
    type,
    input,
    prepare: (options, args) => {
      if (typeof fn !== "function") {
        throw new Error("the step has no body: give it a function, as in step.run(\"charge\", () => charge(order))");
      }
      return { tag: "run", val: { ...attempts(options), input: inputJson(args) } };
    },
    body: (_options, info, args) => bodyOf(run, info, fn, args),
    read: value,
  });
}

/** What operators see: the argument, or the list of several. */
function inputJson(args: readonly unknown[]): string | undefined {
  return args.length === 0 ? undefined : named("input", () => toJson(args.length === 1 ? args[0] : args));
}

function bodyOf(run: Run, info: StepInfo, fn: AnyFunction, input: readonly unknown[]): Body {
  return async (execution) => {
    const args = argumentsOf(execution, input);
    const isFinalAttempt = execution.attempt + 1 >= execution.maxAttempts;
    const result = await run.hooks.body(info, async () => fn(...args), isFinalAttempt);
    try {
      return toJson(result);
    } catch (error) {
      throw new InvalidResult(`the result: ${(error as Error).message}`);
    }
  };
}

/** The step's own arguments, or what an operator put in their place. */
function argumentsOf(execution: ExecutionRecord, input: readonly unknown[]): readonly unknown[] {
  if (execution.input === undefined) {
    return input;
  }
  const replacement: unknown = JSON.parse(execution.input);
  return input.length > 1 && Array.isArray(replacement) ? replacement : [replacement];
}

function waitForEvent(run: Run, branch: Branch | undefined, id: StepOptionsOrId, options: WaitForEvent) {
  return operate(run, branch, id, {
    type: "waitForEvent",
    input: [options],
    prepare: () => {
      if (options?.event === undefined || options.event === "") {
        throw new Error("the wait does not say for which event: give it `event`");
      }
      if (options.if !== undefined && options.match !== undefined) {
        throw new Error("`match` and `if` exclude each other: write the first as a part of the second");
      }
      return {
        tag: "wait-for-event",
        val: {
          event: eventName(options.event),
          timeout: waitingTime(options.timeout),
          if: options.if,
          match: options.match,
          lookback: milliseconds("lookback", options.lookback),
        },
      };
    },
    read: value,
  });
}

function waitForSignal(run: Run, branch: Branch | undefined, id: StepOptionsOrId, options: WaitForSignalOptions) {
  return operate(run, branch, id, {
    type: "waitForSignal",
    input: [options],
    prepare: () => ({
      tag: "wait-for-signal",
      val: {
        signal: String(options.signal),
        timeout: waitingTime(options.timeout),
        onConflict: options.onConflict,
      },
    }),
    read: (outcome) => (outcome.tag === "empty" ? null : { signal: options.signal, data: value(outcome) }),
  });
}

function waitingTime(timeout: DurationInput | TimeInput | undefined): bigint {
  if (timeout === undefined) {
    throw new Error("the wait does not say how long: give it `timeout: \"7 days\"`");
  }
  return named("timeout", () => {
    const ms = timeoutToMs(timeout, Date.now);
    // A point in time that is past is the shortest wait there is.
    return BigInt(ms === 0 && typeof timeout === "object" ? 1 : ms);
  });
}

/** `step.sendEvent`, and `inngest.send` in workflow code. */
export function sendEvents(
  run: Run,
  branch: Branch | undefined,
  id: StepOptionsOrId,
  events: EventPayload | readonly EventPayload[],
): Promise<{ ids: string[] }> {
  const list = [...(Array.isArray(events) ? (events as readonly EventPayload[]) : [events as EventPayload])];
  const send = (changed: EventPayload[]) =>
    operate(run, branch, id, {
      type: "sendEvent",
      input: [changed],
      prepare: () => ({ tag: "send-events", val: changed.map(newEventRecord) }),
      read: (outcome) => ({ ids: value(outcome) as string[] }),
    });
  return run.hooks.send(list, send);
}

/** An event for the host. */
export function newEventRecord(event: EventPayload): NewEventRecord {
  if (typeof event !== "object" || event === null || typeof event.name !== "string") {
    throw new Error("an event needs a name: `{ name: \"order/paid\", data: { … } }`");
  }
  const member = (name: "data" | "user") =>
    event[name] === undefined ? undefined : objectOf(event.name, name, event[name]);
  return {
    id: event.id,
    name: event.name,
    data: member("data"),
    user: member("user"),
    ts: event.ts === undefined ? undefined : BigInt(Math.trunc(event.ts)),
    v: event.v,
  };
}

function objectOf(event: string, member: string, content: unknown): string {
  let text: string;
  try {
    text = toJson(content);
  } catch (error) {
    throw new Error(`the ${member} of event \`${event}\`: ${(error as Error).message}`);
  }
  if (!text.startsWith("{")) {
    throw new Error(`the ${member} of event \`${event}\` is not a JSON object`);
  }
  return text;
}

/** With an id in front, or as the global `fetch`. */
function durableFetch(run: Run, branch: Branch | undefined, args: unknown[]): Promise<unknown> {
  const withId = args.length > 1 && isRequestTarget(args[1]);
  const [target, init] = (withId ? args.slice(1) : args) as [string | URL | Request, RequestInit | undefined];
  let id: StepOptionsOrId;
  try {
    id = withId ? (args[0] as StepOptionsOrId) : `step.fetch: ${targetHost(target)}`;
  } catch (error) {
    return Promise.reject(refusal("step.fetch", "InvalidOptions", (error as Error).message));
  }
  const start = (body: Uint8Array | undefined) =>
    operate(run, branch, id, {
      type: "fetch",
      input: [target, init],
      prepare: (options) => ({ tag: "fetch", val: fetchRecord(target, init, body, attempts(options)) }),
      read: (outcome) => readResponse(String(target instanceof Request ? target.url : target), value(outcome)),
    });
  // A request's body is read by the engine; everything else is at hand.
  return target instanceof Request && target.body !== null && init?.body === undefined
    ? target.arrayBuffer().then((buffer) => start(new Uint8Array(buffer)))
    : start(undefined);
}

type AnyBranch = Promise<unknown> | ((step: StepTools) => Promise<unknown>);

interface Begun {
  promise: Promise<unknown>;
  giveUp(): void;
}

/** Sets branches going, in their order, each with tools of its own. */
function begin(run: Run, branches: readonly AnyBranch[]): Begun[] {
  return branches.map((one) => {
    if (typeof one !== "function") {
      return { promise: one, giveUp: () => giveUp(one) };
    }
    const branch = new Branch();
    const promise = startBranch(one, stepTools(run, branch));
    promise.catch(() => {});
    return { promise, giveUp: () => branch.giveUp() };
  });
}

/** An exception of the call is a failure of the branch. */
async function startBranch(branch: (step: StepTools) => Promise<unknown>, tools: StepTools): Promise<unknown> {
  return branch(tools);
}

/** Once the outcome is known, gives up the branches that go on. */
function settleAll<T>(whole: Promise<T>, begun: readonly Begun[]): Promise<T> {
  const end = () => begun.forEach((it) => it.giveUp());
  return whole.then(
    (result) => {
      end();
      return result;
    },
    (error: unknown) => {
      end();
      throw error;
    },
  );
}

