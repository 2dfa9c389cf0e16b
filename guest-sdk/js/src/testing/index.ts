/**
 * Tests of functions in Node, without a host: the test plays the host's part and reads like a story.
 *
 * ```ts
 * const run = await Run.of(drip, event("user/signed.up", { userId: "u-1" }));
 * await run.execute("welcome");
 * assert.deepEqual(run.asked("pause"), { kind: "sleep", ms: 259_200_000 });
 * await run.complete("pause");
 * await run.timeOut("finished");
 * assert.deepEqual(run.output, { value: false });
 * ```
 *
 * Naming an operation that is not pending throws, with a list of those that are. The clock of workflow code stands still; completing a sleep moves it on.
 */

import type { EventRecord, Failure, Operation, Operations } from "../contract.ts";
import { toFailure } from "../errors.ts";
import type { EventPayload } from "../events.ts";
import type { InngestFunction } from "../function.ts";
import { currentRun, setRun } from "../inside.ts";
import { leaveWorkflow } from "../mode.ts";
import { Scheduler, type Outcome } from "../scheduler.ts";
import { received, workflowOf } from "../workflow.ts";
import { configView, operationView } from "./view.ts";
import { drainAt } from "./world.ts";

const APP = "test";
const RUN_ID = "01JTESTRUN000000000000000";
/** When runs start: 2026-01-01. */
const START = 1_767_225_600_000;

type AnyFn = InngestFunction<any, any>;

/** How a body or a run failed, as far as a test wants to know. */
export interface TestFailure {
  name: string;
  message: string;
  retriable: boolean;
}

/** How a body or a run ended. */
export type TestOutcome = { value: any; error?: undefined } | { error: TestFailure; value?: undefined };

/** An event to start a run with. */
export function event(name: string, data: object = {}, more: Omit<EventPayload, "name" | "data"> = {}): EventRecord {
  return {
    id: more.id ?? "01JTESTEVENT0000000000000",
    name,
    data: JSON.stringify(data),
    user: more.user === undefined ? undefined : JSON.stringify(more.user),
    ts: BigInt(more.ts ?? START),
    v: more.v,
  };
}

/** The configuration of a function as the host gets it; the handler of its failures is under `onFailure`. Throws, with all faults, if there are any. */
export function configOf(fn: AnyFn): any {
  const { configs, faults } = fn.describe();
  if (faults.length > 0) {
    throw new Error(`function \`${fn.id()}\`: ${faults.join("; ")}`);
  }
  const [own, ofFailure] = configs.map(configView);
  return ofFailure ? { ...own, onFailure: ofFailure } : own;
}

type Started = NonNullable<ReturnType<typeof currentRun>>;

interface Pending {
  readonly id: string;
  readonly operation: Operation;
}

/** How a run is started that is not the usual one. */
export interface RunOptions {
  /** How often the workflow code failed before. Default: 0. */
  attempt?: number;
  /** How many attempts there can be. Default: 5. */
  maxAttempts?: number;
  /** When the run starts, in milliseconds since 1970. */
  now?: number;
}

/** A run of a function whose host is the test. */
export class Run {
  /** The time that workflow code sees. */
  now: number;
  /** The ids of the operations that the run gave up, in that order. */
  readonly cancelled: string[] = [];
  readonly #pending = new Map<number, Pending>();
  readonly #occurrences = new Map<string, number>();
  readonly #scheduler: Scheduler;
  #started: Started | undefined;
  #output: TestOutcome | undefined;
  #tickets = 0;

  private constructor(fn: AnyFn, ofFailure: boolean, events: readonly EventRecord[], options: RunOptions) {
    this.now = options.now ?? START;
    this.#scheduler = new Scheduler(this.#host(), { name: "node", drive: "async", drain: () => drainAt(this.now) });
    const context = {
      appId: APP,
      functionId: ofFailure ? `${fn.id()}-failure` : fn.id(),
      runId: RUN_ID,
      attempt: options.attempt ?? 0,
      maxAttempts: options.maxAttempts ?? 5,
      event: chosen(fn, events),
      events: [...events],
    };
    const workflow = workflowOf({ fn, ofFailure }, context, this.#scheduler);
    this.#scheduler.begin(async () => {
      try {
        const json = await workflow();
        this.#output = { value: JSON.parse(json) };
        return json;
      } catch (thrown) {
        this.#output = { error: failureView(toFailure(thrown)) };
        throw thrown;
      }
    });
  }

  /** Starts a run, and lets it go on until it waits for something. Several events make the run of a batch, or of a debounced function. */
  static async of(fn: AnyFn, events: EventRecord | readonly EventRecord[] = event("test/started"), options: RunOptions = {}): Promise<Run> {
    const run = new Run(fn, false, numbered(events), options);
    await run.#goOn();
    return run;
  }

  /** Starts a run of the handler of a function's failures, as though a run that these events had started had failed with this error. */
  static async afterFailure(fn: AnyFn, events: EventRecord | readonly EventRecord[], error: unknown, options: RunOptions = {}): Promise<Run> {
    if (!fn.failureHandler) {
      throw new Error(`the function \`${fn.id()}\` has no onFailure`);
    }
    const all = numbered(events);
    const { name, message, stack } = toFailure(error);
    const failed = event("inngest/function.failed", {
      function_id: `${APP}/${fn.id()}`,
      run_id: "01JTESTRUNFAILED000000000",
      error: { name, message, stack },
      event: received(chosen(fn, all)),
      events: all.map(received),
    });
    const run = new Run(fn, true, [failed], options);
    await run.#goOn();
    return run;
  }

  /** The ids of the operations that the run waits for, in the order of their start. */
  get pending(): string[] {
    return [...this.#pending.values()].map((it) => it.id);
  }

  /** What the run asked for with a pending operation: its `kind` and its options. */
  asked(id: string): any {
    return operationView(this.#pending.get(this.#ticket(id))!.operation);
  }

  /** The run's output, or the error that ended it, once it has ended. */
  get output(): TestOutcome | undefined {
    return this.#output;
  }

  /**
   * Executes the body of a pending step, and hands its outcome to the run: the result, or the failure, as though no attempt were left. `input` stands in for what an operator put in
   * the place of the step's arguments.
   */
  async execute(id: string, options: { attempt?: number; input?: unknown } = {}): Promise<TestOutcome> {
    const ticket = this.#ticket(id);
    const attempt = options.attempt ?? 0;
    setRun(this.#started);
    const outcome = await this.#scheduler.execute(ticket, {
      attempt,
      maxAttempts: 5,
      idempotencyKey: `${RUN_ID}/${id}/${attempt}`,
      stepKey: `${RUN_ID}/${id}`,
      input: options.input === undefined ? undefined : JSON.stringify(options.input),
    });
    leaveWorkflow();
    if (outcome.tag === "ok") {
      await this.#deliver(ticket, { tag: "done", val: outcome.val });
      return { value: JSON.parse(outcome.val) };
    }
    await this.#deliver(ticket, { tag: "failed", val: outcome.val });
    return { error: failureView(outcome.val) };
  }

  /** Completes a pending operation with this result, without executing anything. A sleep moves the clock on. */
  async complete(id: string, result: unknown = null): Promise<void> {
    const ticket = this.#ticket(id);
    const { operation } = this.#pending.get(ticket)!;
    if (operation.tag === "sleep") {
      this.now += Number(operation.val);
    } else if (operation.tag === "sleep-until") {
      this.now = Math.max(this.now, Number(operation.val));
    }
    await this.#deliver(ticket, { tag: "done", val: JSON.stringify(result) ?? "null" });
  }

  /** Lets a pending operation fail for good. */
  async fail(id: string, error: unknown): Promise<void> {
    await this.#deliver(this.#ticket(id), { tag: "failed", val: toFailure(error) });
  }

  /** Lets a pending wait time out; the clock moves on. */
  async timeOut(id: string): Promise<void> {
    const ticket = this.#ticket(id);
    const { operation } = this.#pending.get(ticket)!;
    if (operation.tag === "wait-for-event" || operation.tag === "wait-for-signal") {
      this.now += Number(operation.val.timeout);
    }
    await this.#deliver(ticket, { tag: "empty" });
  }

  /**
   * Lets the run go on to its end by itself: bodies are executed, sleeps are over in the order in which they are due, and every other operation gets the answer that `answers` has for its id.
   */
  async toEnd(answers: Record<string, unknown> = {}): Promise<TestOutcome> {
    while (this.#output === undefined) {
      const id = this.#nextOf(answers);
      if (id in answers) {
        await this.complete(id, answers[id]);
      } else if (this.asked(id).kind === "run") {
        await this.execute(id);
      } else {
        await this.complete(id);
      }
    }
    return this.#output;
  }

  /** The operation that is over first: what needs no time, else the sleep that is due first. */
  #nextOf(answers: Record<string, unknown>): string {
    const due = ({ operation }: Pending) =>
      operation.tag === "sleep" ? this.now + Number(operation.val) : operation.tag === "sleep-until" ? Number(operation.val) : undefined;
    const all = [...this.#pending.values()];
    const immediate = all.find((it) => it.id in answers || it.operation.tag === "run");
    const sleeping = all.filter((it) => due(it) !== undefined).sort((a, b) => due(a)! - due(b)!)[0];
    const next = immediate ?? sleeping;
    if (!next) {
      throw new Error(`the run waits for ${JSON.stringify(this.pending)}, and no answer is given for any of these`);
    }
    return next.id;
  }

  async #deliver(ticket: number, outcome: Outcome): Promise<void> {
    this.#pending.delete(ticket);
    this.#scheduler.deliver(ticket, outcome);
    await this.#goOn();
  }

  async #goOn(): Promise<void> {
    setRun(this.#started);
    await drainAt(this.now);
    this.#started = currentRun();
    setRun(undefined);
  }

  #ticket(id: string): number {
    for (const [ticket, pending] of this.#pending) {
      if (pending.id === id) {
        return ticket;
      }
    }
    throw new Error(
      `no operation \`${id}\` is pending, but ${JSON.stringify(this.pending)}; the output is ${JSON.stringify(this.#output)}`,
    );
  }

  #host(): Operations {
    return {
      start: (id, operation) => {
        const occurrence = this.#occurrences.get(id) ?? 0;
        this.#occurrences.set(id, occurrence + 1);
        const ticket = this.#tickets++;
        this.#pending.set(ticket, { id: occurrence === 0 ? id : `${id}:${occurrence}`, operation });
        return ticket;
      },
      next: () => {
        throw new Error("the test hands out the news");
      },
      finish: () => {},
      cancel: (ticket) => {
        const pending = this.#pending.get(ticket);
        if (pending) {
          this.#pending.delete(ticket);
          this.cancelled.push(pending.id);
        }
      },
    };
  }
}

function failureView({ name, message, retry }: Failure): TestFailure {
  return { name, message, retriable: retry.tag !== "non-retriable" };
}

function numbered(events: EventRecord | readonly EventRecord[]): EventRecord[] {
  const all = Array.isArray(events) ? (events as EventRecord[]) : [events as EventRecord];
  return all.map((it, at) => (at === 0 ? it : { ...it, id: `01JTESTEVENT${String(at).padStart(13, "0")}` }));
}

/** The event that the handler gets as `event`: the newest of a debounced function, else the first. */
function chosen(fn: AnyFn, events: readonly EventRecord[]): EventRecord {
  const first = events[0];
  if (!first) {
    throw new Error("a run is started by one event at least");
  }
  return fn.opts.debounce ? events.reduce((newest, it) => (it.ts >= newest.ts ? it : newest), first) : first;
}
