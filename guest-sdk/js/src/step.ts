/**
 * Starting operations: the one way from a call such as `step.run` to the scheduler, and back from an outcome to a value.
 *
 * Everything an author can get wrong ends as a {@link StepError} of the promise, never as an exception of the call. The kinds of operations are in `operations.ts`.
 */

import type { Operation } from "./contract.ts";
import { refusal, stepError } from "./errors.ts";
import type { StepOptions, StepOptionsOrId } from "./step-types.ts";
import { type StepCall, type StepInfo, type StepType, type RunHooks, noHooks } from "./hooks.ts";
import { currentMode } from "./mode.ts";
import { sha1Hex } from "./sha1.ts";
import type { Body, Outcome, Scheduler, Started } from "./scheduler.ts";

/** What the operations of one run have in common. */
export interface Run {
  readonly scheduler: Scheduler;
  readonly appId: string;
  readonly runId: string;
  hooks: RunHooks;
  /** Collects what is started while a callback of `group.parallel` is being called. */
  collecting: Branch | undefined;
  /** How often each id was used so far. */
  readonly occurrences: Map<string, number>;
}

/** A branch of a race or of parallel work: what it started is given up together. */
export class Branch {
  readonly #handles = new Set<Handle>();
  #over = false;

  /** Whether the branch was given up. */
  get over(): boolean {
    return this.#over;
  }

  add(handle: Handle): void {
    this.#handles.add(handle);
  }

  remove(handle: Handle): void {
    this.#handles.delete(handle);
  }

  /** Gives up what is not complete. Nothing that the branch does afterwards has an effect. */
  giveUp(): void {
    this.#over = true;
    for (const handle of this.#handles) {
      handle.cancel();
    }
    this.#handles.clear();
  }
}

/** A hold on an operation that may not have been started yet. */
export interface Handle {
  cancel(): void;
}

const handles = new WeakMap<Promise<unknown>, Handle>();

/** Gives up on the operation behind a promise that a step gave; other promises are left alone. */
export function giveUp(promise: Promise<unknown>): void {
  handles.get(promise)?.cancel();
}

/** A request for an operation, in the author's terms. */
export interface Asked<T> {
  readonly type: StepType;
  /** The arguments that a middleware may see and change. */
  readonly input: readonly unknown[];
  /** The operation for the host, or an exception that says what is wrong with the request. */
  prepare(options: StepOptions, input: readonly unknown[]): Operation;
  /** The body, of a step that has one. */
  body?(options: StepOptions, info: StepInfo, input: readonly unknown[]): Body;
  /** The value of an outcome that is no failure. */
  read(outcome: Exclude<Outcome, { tag: "failed" }>): T;
}

/** Starts an operation. */
export function operate<T>(run: Run, branch: Branch | undefined, idOrOptions: StepOptionsOrId, asked: Asked<T>): Promise<T> {
  const options: StepOptions = typeof idOrOptions === "object" && idOrOptions !== null ? idOrOptions : { id: idOrOptions };
  const operation = new OneOperation(run, branch ?? run.collecting, options, asked);
  const promise = operation.begin();
  // A failure that nobody looks at ends no run.
  promise.catch(() => {});
  handles.set(promise, operation);
  return promise;
}

class OneOperation<T> implements Handle {
  readonly #run: Run;
  readonly #branch: Branch | undefined;
  readonly #options: StepOptions;
  readonly #asked: Asked<T>;
  #started: Started | undefined;
  #cancelled = false;

  constructor(run: Run, branch: Branch | undefined, options: StepOptions, asked: Asked<T>) {
    this.#run = run;
    this.#branch = branch;
    this.#options = options;
    this.#asked = asked;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#branch?.remove(this);
    if (this.#started) {
      this.#run.scheduler.cancel(this.#started.ticket);
    }
  }

  begin(): Promise<T> {
    const { id, signal } = this.#options;
    if (currentMode() === "body") {
      return Promise.reject(
        refusal(
          id,
          "NestedOperation",
          "a step's body cannot use the context: start operations in workflow code, and return from the body what they need",
        ),
      );
    }
    if (typeof id !== "string") {
      return Promise.reject(refusal(String(id), "InvalidOptions", "the step has no id: give it text, as in step.run(\"charge\", …)"));
    }
    if (this.#branch?.over) {
      return never();
    }
    if (signal?.aborted) {
      return Promise.reject(signal.reason);
    }
    this.#branch?.add(this);
    const hooks = this.#run.hooks;
    const settled = hooks.delaysSteps ? this.#throughHooks(hooks) : this.#start(this.#options, this.#asked.input);
    return signal ? this.#abortable(settled, signal) : settled;
  }

  /** A middleware may change the request, and wraps what comes of it. */
  async #throughHooks(hooks: RunHooks): Promise<T> {
    const asked = { type: this.#asked.type, options: this.#options, input: this.#asked.input };
    const call = await hooks.transformStep(asked, infoOf(this.#run, asked));
    const next = () => (this.#cancelled ? never<T>() : this.#start(call.options, call.input));
    return (await hooks.wrapStep(infoOf(this.#run, call), next)) as T;
  }

  #start(options: StepOptions, input: readonly unknown[]): Promise<T> {
    const { scheduler } = this.#run;
    const info = infoOf(this.#run, { type: this.#asked.type, options, input });
    let started: Started;
    try {
      const operation = this.#asked.prepare(options, input);
      started = scheduler.start(options.id, operation, this.#asked.body?.(options, info, input));
    } catch (error) {
      this.#branch?.remove(this);
      const problem = error instanceof Error ? error.message : String(error);
      return Promise.reject(refusal(options.id, "InvalidOptions", problem));
    }
    this.#started = started;
    this.#run.occurrences.set(options.id, (this.#run.occurrences.get(options.id) ?? 0) + 1);
    return started.outcome.then((outcome) => {
      this.#branch?.remove(this);
      if (outcome.tag === "failed") {
        throw stepError(options.id, outcome.val);
      }
      return this.#asked.read(outcome);
    });
  }

  #abortable(settled: Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.cancel();
        reject(signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      settled.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    });
  }
}

/** What hooks are told of a step that is about to be started. */
export function infoOf(run: Run, call: StepCall): StepInfo {
  const { id } = call.options;
  const before = run.occurrences.get(id) ?? 0;
  return {
    hashedId: run.hooks === noHooks ? "" : sha1Hex(before === 0 ? id : `${id}:${before}`),
    memoized: false,
    stepType: call.type,
    options: call.options,
    input: [...call.input],
  };
}

/** A promise that is never settled: of what was given up. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}

/** A run without middleware. */
export function plainRun(scheduler: Scheduler, appId: string, runId: string): Run {
  return { scheduler, appId, runId, hooks: noHooks, collecting: undefined, occurrences: new Map() };
}

/** Calls a function, and collects the operations that it starts before it returns. */
export function recordStarts<T>(run: Run, callback: () => T): { value: T; started: Branch } {
  const outer = run.collecting;
  const started = new Branch();
  run.collecting = started;
  try {
    return { value: callback(), started };
  } finally {
    run.collecting = outer;
  }
}
