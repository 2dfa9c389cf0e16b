/**
 * The scheduler of one attempt at a workflow: run all code that can go on, then ask the host once for news.
 *
 * The only things that wake workflow code are promises and the completions that the host delivers, in the order in which it delivers them. It knows no clock and no
 * randomness. A body executes between two calls of `next`, in an instance that exists for it.
 *
 * Invariants: an operation is settled at most once; after the workflow has ended nothing is started or cancelled any more; a body executes at most once.
 */

import type { BodyOutcome, ExecutionRecord, Failure, Operation, Operations } from "./contract.ts";
import type { Engine } from "./engine.ts";
import { toFailure } from "./errors.ts";
import { awaited, stopTimers, timerEnd, timerFailure } from "./globals.ts";
import { inBody, leaveBody } from "./mode.ts";

/** A step's body: gives the JSON text of its result. */
export type Body = (execution: ExecutionRecord) => Promise<string>;

/** How an operation ended. */
export type Outcome = { tag: "done"; val: string } | { tag: "failed"; val: Failure } | { tag: "empty" };

/** A started operation. */
export interface Started {
  readonly ticket: number;
  readonly outcome: Promise<Outcome>;
}

interface Slot {
  body: Body | undefined;
  settle: (outcome: Outcome) => void;
}

/** Turns of promises that a body may take before the event loop gets one. */
const PROMISE_TURNS = 50;

/** How often the job queue is emptied before a body that has neither timers nor requests counts as one that waits for nothing. */
const IDLE_ROUNDS = 100;

/** How the workflow ended. */
type Output = { ok: string } | { error: unknown };

export class Scheduler {
  readonly #host: Operations;
  readonly #engine: Engine;
  readonly #slots = new Map<number, Slot>();
  #output: Output | undefined;

  constructor(host: Operations, engine: Engine) {
    this.#host = host;
    this.#engine = engine;
  }

  /** Whether the workflow has ended. */
  get ended(): boolean {
    return this.#output !== undefined;
  }

  /** Starts an operation at once. What is started after the workflow's end never comes about: nobody is there to see it. */
  start(id: string, operation: Operation, body?: Body): Started {
    if (this.ended) {
      return { ticket: -1, outcome: new Promise(() => {}) };
    }
    const ticket = this.#host.start(id, operation);
    const outcome = new Promise<Outcome>((settle) => {
      this.#slots.set(ticket, { body, settle });
    });
    return { ticket, outcome };
  }

  /** Gives up on an operation, unless it is complete. Its promise is never settled. */
  cancel(ticket: number): void {
    if (!this.ended && this.#slots.delete(ticket)) {
      this.#host.cancel(ticket);
    }
  }

  /** Sets the workflow going; its code runs when the job queue is emptied next. */
  begin(workflow: () => Promise<string>): void {
    Promise.resolve()
      .then(workflow)
      .then(
        (ok) => this.#end({ ok }),
        (error: unknown) => this.#end({ error }),
      );
  }

  #end(output: Output): void {
    this.#output ??= output;
  }

  /** Runs a workflow to its end on an engine that drains its queue by itself. */
  async runAsync(workflow: () => Promise<string>): Promise<string> {
    this.begin(workflow);
    for (;;) {
      await this.#engine.drain();
      if (this.#output) {
        return result(this.#output);
      }
      const [ticket, news] = this.#host.next();
      if (news.tag === "execute") {
        this.#host.finish(ticket, await this.#executeAsync(ticket, news.val));
      } else {
        this.deliver(ticket, news);
      }
    }
  }

  /** Runs a workflow to its end on an engine whose queue is drained by hand. */
  runSync(workflow: () => Promise<string>): string {
    this.begin(workflow);
    for (;;) {
      void this.#engine.drain();
      if (this.#output) {
        return result(this.#output);
      }
      const [ticket, news] = this.#host.next();
      if (news.tag === "execute") {
        this.#host.finish(ticket, this.#executeSync(ticket, news.val));
      } else {
        this.deliver(ticket, news);
      }
    }
  }

  /** Hands one piece of news to the operation that it concerns. A cancelled operation has no slot: nobody waits for its news. */
  deliver(ticket: number, outcome: Outcome): void {
    const slot = this.#slots.get(ticket);
    this.#slots.delete(ticket);
    slot?.settle(outcome);
  }

  /** Runs the body of an operation to its end. */
  execute(ticket: number, execution: ExecutionRecord): Promise<BodyOutcome> {
    return this.#execute(ticket, execution);
  }

  #execute(ticket: number, execution: ExecutionRecord): Promise<BodyOutcome> {
    const slot = this.#slots.get(ticket);
    const body = slot?.body;
    if (!slot || !body) {
      const problem = new Error(
        `the host asked to execute operation ${ticket}, which has no body, or whose body ran already`,
      );
      problem.name = "NoBody";
      return Promise.resolve(this.#failed(problem));
    }
    slot.body = undefined;
    const crashed = timerFailure();
    return inBody(execution, () => Promise.race([body(execution), crashed]).finally(stopTimers)).then(
      (val): BodyOutcome => ({ tag: "ok", val }),
      (thrown: unknown) => this.#failed(thrown),
    );
  }

  /** An engine whose event loop is empty gives up without a word. So a body that waits for nothing at all is ended before that. */
  async #executeAsync(ticket: number, execution: ExecutionRecord): Promise<BodyOutcome> {
    let outcome: BodyOutcome | undefined;
    const settled = this.#execute(ticket, execution).then((it) => {
      outcome = it;
    });
    // Most bodies wait for nothing but promises of their own: these end without a turn of the event loop.
    for (let turn = 0; turn < PROMISE_TURNS && !outcome; turn += 1) {
      await undefined;
    }
    if (outcome) {
      return outcome;
    }
    for (let idle = 0; idle < IDLE_ROUNDS; ) {
      await this.#engine.drain();
      if (outcome) {
        return outcome;
      }
      const waitsFor = awaited();
      idle = waitsFor === "nothing" ? idle + 1 : 0;
      if (waitsFor !== "nothing") {
        await (waitsFor === "timer" ? Promise.race([settled, timerEnd()]) : settled);
      }
    }
    stopTimers();
    leaveBody();
    return this.#failed(neverSettled());
  }

  #executeSync(ticket: number, execution: ExecutionRecord): BodyOutcome {
    let outcome: BodyOutcome | undefined;
    void this.#execute(ticket, execution).then((it) => {
      outcome = it;
    });
    for (;;) {
      void this.#engine.drain();
      if (outcome) {
        return outcome;
      }
      if (!this.#engine.wait?.()) {
        stopTimers();
        leaveBody();
        return this.#failed(neverSettled());
      }
    }
  }

  #failed(thrown: unknown): BodyOutcome {
    return { tag: "err", val: toFailure(thrown, this.#engine.mapStack) };
  }
}

function neverSettled(): Error {
  const problem = new Error(
    "the body waits for something that cannot come: a promise that nothing in this step will ever settle",
  );
  problem.stack = "";
  return problem;
}

function result(output: Output): string {
  if ("error" in output) {
    throw output.error;
  }
  return output.ok;
}
