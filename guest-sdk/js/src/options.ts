/**
 * The options of a function, as authors write them. `config.ts` makes of them what the host reads.
 */

import type { DurationInput } from "./duration.ts";
import type { MaybePromise, SingleOrArray } from "./types.ts";
import type { EventType } from "./triggers.ts";

/** How the wait before the next attempt grows. */
export interface BackoffOptions {
  kind: "exponential" | "linear" | "constant";
  /** The delay after the first failed attempt. */
  base: DurationInput;
  /** The growth per attempt of `exponential`, 1 to 1000. Default: 2. */
  factor?: number;
  /** The longest delay before jitter. Default: 2 hours. */
  max?: DurationInput;
  /** A random extra delay of up to this. Default: none. */
  jitter?: DurationInput;
}

/** How much goes on at once. */
export interface ConcurrencyOptions {
  /** At least 1. */
  limit: number;
  /** A CEL expression over `event`: a limit of its own for every value. */
  key?: string;
  /** Among which runs it counts. Default: `fn`. `env` and `account` need a key. */
  scope?: "fn" | "env" | "account";
  /** What it counts: executing steps (the default), or whole runs. */
  per?: "step" | "run";
}

/** An event that cancels runs: with exactly one of `if`, `match` and `all`. */
export interface CancelOnOptions<TName extends string = string> {
  event: TName | EventType<string, any>;
  /** A CEL expression over `event` (which started the run) and `async` (which arrived). */
  if?: string;
  /** A dotted path whose value must be equal in both events: `data.orderId`. */
  match?: string;
  /** Every such event cancels every run of the function. */
  all?: boolean;
  /** How long after a run was created the event still cancels it. Default: as long as the run lives. */
  timeout?: DurationInput;
}

/** What paces, merges and ends the runs of a function. */
export interface FlowControl {
  /** How often a failed step, and failed workflow code, is tried again, 0 to 20. Default: 4. */
  retries?: number;
  /** How the wait before the next attempt grows. Default: 15 s, 30 s, 1 m, 2 m, 5 m… */
  backoff?: BackoffOptions;
  /** At most so much at once: a number of steps, or up to 2 limits. The rest waits. */
  concurrency?: number | SingleOrArray<ConcurrencyOptions>;
  /** At most so many starts in a period. The rest waits. */
  throttle?: { limit: number; period: DurationInput; burst?: number; key?: string };
  /** At most so many events of a period start runs. The rest is dropped. */
  rateLimit?: { limit: number; period: DurationInput; key?: string };
  /** One run after a flurry of events. */
  debounce?: { period: DurationInput; key?: string; timeout?: DurationInput };
  /** One run for many events. */
  batchEvents?: { maxSize: number; timeout: DurationInput; key?: string; if?: string };
  /** `run`: a CEL expression that gives seconds, -600 to 600, by which the run comes before others. */
  priority?: { run?: string };
  /** A CEL expression: the first event of every value within 24 hours starts a run. */
  idempotency?: string;
  /** At most one live run, of all or for every value of `key`. */
  singleton?: { key?: string; mode: "skip" | "cancel" };
  /** How long a run may queue, and how long it may take, before it is cancelled. */
  timeouts?: { start?: DurationInput; finish?: DurationInput };
  /** How long a finished run is kept, 1 hour to 10 years. */
  retention?: DurationInput;
}

/** A handler of failures with options of its own. */
export interface FailureOptions<THandler> extends FlowControl {
  handler: THandler;
}

/** The options of `createFunction`. */
export interface FunctionOptions<TEventNames extends string, TFailureHandler, TMiddleware> extends FlowControl {
  /** kebab-case, unique in the app. */
  id: string;
  /** What people call it. Default: the id. */
  name?: string;
  /** What it is for. Kept in the code only. */
  description?: string;
  /** Up to 5 events that cancel runs. */
  cancelOn?: readonly CancelOnOptions<TEventNames>[];
  /** Runs as a run of its own when a run has failed for good; it is the function `{id}-failure`. */
  onFailure?: TFailureHandler | FailureOptions<TFailureHandler>;
  /** Middleware of this function, inside that of the client. */
  middleware?: TMiddleware;
}

/** Any handler. */
export type AnyHandler = (context: any) => MaybePromise<unknown>;
