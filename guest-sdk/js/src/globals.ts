/**
 * What the global functions of JavaScript mean in a durable function.
 *
 * In workflow code, timers and the network are errors that name the remedy; in the body of a step they are the engine's own. `console` writes log lines of the run, and
 * `Math.random` draws from the host's generator, which is seeded by the run in workflow code and real in a body. The clock is the engine's: the host says what it shows.
 */

import { NonRetriableError } from "./errors.ts";
import { log } from "./logger.ts";
import { currentMode } from "./mode.ts";

type AnyFunction = (...args: never[]) => unknown;
type Globals = Record<string, unknown>;

/** What an author gets who calls a global that workflow code cannot have. */
export class NotInWorkflowError extends NonRetriableError {}

const TIMER_REMEDY =
  'does not exist in workflow code, which may be evicted and replayed: wait with `await step.sleep("id", "10s")`, which survives restarts, or move it into a step: `step.run("id", async () => …)`';

/** What workflow code is told that calls these. */
export const workflowRemedies = {
  setTimeout: `setTimeout ${TIMER_REMEDY}`,
  setInterval: `setInterval ${TIMER_REMEDY}`,
  setImmediate: `setImmediate ${TIMER_REMEDY}`,
  fetch: "the network is closed in workflow code: use step.fetch or move it into step.run, whose results are recorded",
};

/** How the timers of a body are stopped. */
const running = new Map<unknown, AnyFunction>();

let timerThrew: ((thrown: unknown) => void) | undefined;

/** Settles when a timer of the body throws, which in Node would end the process. */
export function timerFailure(): Promise<never> {
  return new Promise((_, reject) => {
    timerThrew = reject;
  });
}

/** Stops what a body left running: the next one has nothing to do with it. */
export function stopTimers(): void {
  for (const [timer, stop] of running) {
    stop(timer as never);
  }
  running.clear();
  requested = false;
}

/** Whether the body sent a request: then the engine alone knows what it waits for. */
let requested = false;
let timerEnded: (() => void) | undefined;

/** What the body that executes may be waiting for. */
export function awaited(): "request" | "timer" | "nothing" {
  return requested ? "request" : running.size > 0 ? "timer" : "nothing";
}

/** Settles when a timer of the body has fired or was cleared. */
export function timerEnd(): Promise<void> {
  return new Promise((resolve) => {
    timerEnded = resolve;
  });
}

/** Puts the guards around what the engine offers. Called once, before the app is evaluated. */
export function guardGlobals(globals: Globals = globalThis as unknown as Globals): void {
  guard(globals, "setTimeout", workflowRemedies.setTimeout, "clearTimeout");
  guard(globals, "setInterval", workflowRemedies.setInterval, "clearInterval");
  guard(globals, "setImmediate", workflowRemedies.setImmediate, "clearImmediate");
  guard(globals, "fetch", workflowRemedies.fetch);
  const signals = globals["AbortSignal"] as Globals | undefined;
  if (signals) {
    guard(signals, "timeout", `AbortSignal.timeout ${TIMER_REMEDY}`);
  }
  Math.random = random;
  globals["console"] = console;
}

function guard(globals: Globals, name: string, message: string, stop?: string): void {
  const original = globals[name] as AnyFunction | undefined;
  if (typeof original !== "function") {
    return;
  }
  const guarded = (...args: never[]) => {
    if (currentMode() === "workflow") {
      const problem = new NotInWorkflowError(message);
      if (name === "fetch") {
        return Promise.reject(problem);
      }
      throw problem;
    }
    requested ||= name === "fetch" && currentMode() === "body";
    const stopper = stop === undefined ? undefined : (globals[stop] as AnyFunction | undefined);
    if (!stopper || currentMode() !== "body") {
      return original.apply(name === "timeout" ? globals : globalThis, args);
    }
    const [callback, ...rest] = args as unknown as [(...given: unknown[]) => unknown, ...unknown[]];
    const once = name !== "setInterval";
    const fired = () => {
      if (once) {
        running.delete(timer);
      }
      timerEnded?.();
    };
    const timer: unknown = original.apply(globalThis, [watched(callback, fired), ...rest] as never[]);
    running.set(timer, stopper);
    return timer;
  };
  Object.defineProperty(guarded, "name", { value: name });
  globals[name] = guarded;
  const clear = stop === undefined ? undefined : (globals[stop] as AnyFunction | undefined);
  if (stop !== undefined && clear) {
    globals[stop] = (timer: never) => {
      running.delete(timer);
      timerEnded?.();
      clear.call(globalThis, timer);
    };
  }
}

/** A timer's callback whose exception fails the body. */
function watched(callback: (...given: unknown[]) => unknown, fired: () => void): (...given: unknown[]) => void {
  return (...given) => {
    fired();
    try {
      callback(...given);
    } catch (thrown) {
      timerThrew?.(thrown);
    }
  };
}

const bits = new Uint32Array(2);

/** 53 bits of the host's randomness. They are drawn anew for every call, so that what a body draws leaves no trace in the workflow. */
function random(): number {
  crypto.getRandomValues(bits);
  return ((bits[0]! >>> 5) * 0x4000000 + (bits[1]! >>> 6)) / 0x20000000000000;
}

const counts = new Map<string, number>();
const timers = new Map<string, number>();
let indent = "";

function line(level: Parameters<typeof log>[0], args: readonly unknown[]): void {
  log(level, indent === "" ? args : typeof args[0] === "string" ? [indent + args[0], ...args.slice(1)] : [indent, ...args]);
}

/** `console`, whose lines belong to the run. */
const console = {
  log: (...args: unknown[]) => line("info", args),
  info: (...args: unknown[]) => line("info", args),
  warn: (...args: unknown[]) => line("warn", args),
  error: (...args: unknown[]) => line("error", args),
  debug: (...args: unknown[]) => line("debug", args),
  trace: (...args: unknown[]) => line("trace", [...args, `\n${new Error().stack ?? ""}`]),
  dir: (value: unknown) => line("info", [value]),
  dirxml: (...args: unknown[]) => line("info", args),
  table: (value: unknown) => line("info", [value]),
  assert: (condition: unknown, ...args: unknown[]) => {
    if (!condition) {
      line("error", ["Assertion failed", ...args]);
    }
  },
  count: (label = "default") => {
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    line("info", [`${label}: ${count}`]);
  },
  countReset: (label = "default") => void counts.delete(label),
  group: (...args: unknown[]) => {
    if (args.length > 0) {
      line("info", args);
    }
    indent += "  ";
  },
  groupCollapsed: (...args: unknown[]) => console.group(...args),
  groupEnd: () => {
    indent = indent.slice(2);
  },
  time: (label = "default") => void timers.set(label, Date.now()),
  timeLog: (label = "default", ...args: unknown[]) => {
    line("info", [`${label}: ${Date.now() - (timers.get(label) ?? Date.now())}ms`, ...args]);
  },
  timeEnd: (label = "default") => {
    console.timeLog(label);
    timers.delete(label);
  },
  clear: () => {},
};
