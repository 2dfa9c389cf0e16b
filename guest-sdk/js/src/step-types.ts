/**
 * The types of `step`: what a handler can ask for, and what it gets.
 */

import type { Model, ModelInput, ModelOutput, models } from "./ai.ts";
import type { DurationInput, TimeInput } from "./duration.ts";
import type { EventNamed, EventPayload, ReceivedEvent, SendPayload } from "./events.ts";
import type { BackoffOptions } from "./options.ts";
import type { AnyFunctionTarget, InvokeData, InvokeResult } from "./function.ts";
import type { InferOutput, StandardSchemaV1 } from "./standard-schema.ts";
import type { DataOf, EventType } from "./triggers.ts";
import type { ApplyTransform, DefaultStaticTransform, Exclusive, Recorded, SingleOrArray, StaticTransform } from "./types.ts";

/** What every step takes in place of its id. */
export interface StepOptions {
  /** Names the step, 1 to 256 characters. A repeat within the run becomes `id:1`, `id:2`… */
  id: string;
  /** What people call it. Inngest has it; Abide shows the id. */
  name?: string;
  /** Of `run`, `ai.wrap`, `fetch` and `ai.infer`: how often a failed attempt is tried again, 0 to 20. Default: the function's. */
  retries?: number;
  /** Of `run`, `ai.wrap`, `fetch` and `ai.infer`: the longest that one attempt may take. */
  timeout?: DurationInput;
  /** Of `run`, `ai.wrap` and `fetch`: how the wait before the next attempt grows. Default: the function's. */
  backoff?: BackoffOptions;
  /** Gives the step up when it is aborted: its timer, wait, request or body is withdrawn, and its promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

export type StepOptionsOrId = string | StepOptions;

/** Options of `step.waitForEvent`, without the event. `if` and `match` exclude each other. */
export type WaitOptions = Exclusive<"match", "if"> & {
  /** How long to wait, or until when; after it the wait gives `null`. */
  timeout: DurationInput | TimeInput;
  /** Also accepts an event that was received up to this long before the wait began. Default: none. */
  lookback?: DurationInput;
};

/** What a wait for an event gives. */
type WaitResult<TEvents, TEvent, TSchema> = TSchema extends StandardSchemaV1<any, any>
  ? ReceivedEvent<string, InferOutput<TSchema>>
  : TEvent extends EventType<infer N, infer S>
    ? ReceivedEvent<N, DataOf<S>>
    : TEvent extends string
      ? EventNamed<TEvents, TEvent>
      : ReceivedEvent;

type NameIn<TEvents> = string extends keyof TEvents ? string : (keyof TEvents & string) | (string & {});

/** Options of `step.waitForSignal`. */
export interface WaitForSignalOptions {
  /** The signal's name, unique in its environment. */
  signal: string;
  /** How long to wait, or until when; after it the wait gives `null`. */
  timeout: DurationInput | TimeInput;
  /** What happens when another run waits for the signal already: this wait fails (the default), or takes its place. */
  onConflict?: "fail" | "replace";
}

/** Options of `step.sendSignal`. */
export interface SendSignalOptions {
  signal: string;
  /** What the waiting run receives. Default: `null`. */
  data?: unknown;
  /** How long the signal is kept when nobody waits for it yet. Default: 1 hour; 0 drops it at once. */
  ttl?: DurationInput;
}

/** Options of `step.invoke`, without the data. */
export interface InvokeOptions<TTarget> {
  /** A function of this app, a reference to one, or its id: `function-id` or `app-id/function-id`. */
  function: TTarget;
  /** How long to wait for the result, or until when. Default: 1 year. After it the step fails. */
  timeout?: DurationInput | TimeInput;
}

type DataArgument<TData> = {} extends TData ? { data?: TData } : { data: TData };

/** A branch of {@link StepTools.parallel} or {@link StepTools.race}: a promise, or a function of step tools of its own. */
export type BranchOf<T, TTools> = Promise<T> | ((step: TTools) => Promise<T>);

type BranchResult<B> = B extends (...args: never[]) => infer R ? Awaited<R> : Awaited<B>;

/** The durable operations. `TTransform` is what middleware makes of the results of bodies. */
export interface StepTools<TEvents = any, TTransform extends StaticTransform = DefaultStaticTransform> {
  /**
   * Runs a body outside the workflow, at least once; its result is recorded exactly once, and given again on every replay.
   *
   * The body may read the clock, use randomness and send requests. What it changes in memory stays with it: it returns what the workflow needs. Arguments behind it are handed to it
   * and shown to operators, who may put others in their place when the run is replayed from this step.
   */
  run<F extends (...args: any[]) => unknown>(
    id: StepOptionsOrId,
    body: F,
    ...input: Parameters<F>
  ): Promise<ApplyTransform<TTransform, Recorded<Awaited<ReturnType<F>>>>>;

  /** Waits for a length of time, up to 366 days, without using memory. */
  sleep(id: StepOptionsOrId, time: DurationInput): Promise<void>;

  /** Waits until a point in time. */
  sleepUntil(id: StepOptionsOrId, time: TimeInput): Promise<void>;

  /** Waits for an event; gives `null` when the time is up. */
  waitForEvent<const TEvent extends NameIn<TEvents> | EventType<string, any>, TSchema = undefined>(
    id: StepOptionsOrId,
    options: { event: TEvent; schema?: TSchema } & WaitOptions,
  ): Promise<WaitResult<TEvents, TEvent, TSchema> | null>;

  /** Waits for a signal; gives `null` when the time is up. */
  waitForSignal<TData = any>(
    id: StepOptionsOrId,
    options: WaitForSignalOptions,
  ): Promise<{ signal: string; data: TData } | null>;

  /** Sends events, all or none, exactly once. */
  sendEvent(
    id: StepOptionsOrId,
    events: SingleOrArray<SendPayload<TEvents> | EventPayloadOf>,
  ): Promise<{ ids: string[] }>;

  /** Sends a signal, exactly once. Who receives it is not known at that time: `runId` is there for the shape only. */
  sendSignal(id: StepOptionsOrId, options: SendSignalOptions): Promise<{ runId: undefined }>;

  /** Starts another function and waits for its result. Its failure is a {@link StepError}. */
  invoke<TTarget extends AnyFunctionTarget>(
    id: StepOptionsOrId,
    options: InvokeOptions<TTarget> & DataArgument<InvokeData<TTarget>>,
  ): Promise<InvokeResult<TTarget>>;

  /**
   * Has the host perform an HTTP request durably, while the function need not be in memory. With an id in front, or without one as the global `fetch`: the id is then
   * `step.fetch: HOST`. The response may have any status below 500 but 429.
   */
  fetch: StepFetch;

  readonly ai: {
    /** Has the host ask a model provider, durably. */
    infer<const M extends Model>(
      id: StepOptionsOrId,
      options: { model: M; body: ModelInput<M> },
    ): Promise<ModelOutput<M>>;
    /** As {@link StepTools.run}, for a function that calls a model: its arguments are recorded with the step. */
    wrap<F extends (...args: any[]) => unknown>(
      id: StepOptionsOrId,
      body: F,
      ...input: Parameters<F>
    ): Promise<ApplyTransform<TTransform, Recorded<Awaited<ReturnType<F>>>>>;
    /** The providers. */
    readonly models: typeof models;
  };

  /** Waits for all branches; the first failure gives the others up and is thrown. `Promise.all` lets them go on. */
  parallel<const B extends readonly BranchOf<unknown, StepTools<TEvents, TTransform>>[]>(
    branches: B,
  ): Promise<{ -readonly [K in keyof B]: BranchResult<B[K]> }>;

  /** Gives the outcome of the branch that ends first and gives the others up: what they started is withdrawn. `Promise.race` lets them go on. */
  race<const B extends readonly BranchOf<unknown, StepTools<TEvents, TTransform>>[]>(
    branches: B,
  ): Promise<BranchResult<B[number]>>;
}

/** An event made by `eventType(…).create`. */
export interface EventPayloadOf extends EventPayload {
  validate(): Promise<void>;
}

/** `step.fetch`: with an id, or as the global `fetch`. */
export interface StepFetch {
  (id: StepOptionsOrId, input: string | URL | Request, init?: RequestInit): Promise<Response>;
  (input: string | URL | Request, init?: RequestInit): Promise<Response>;
}
