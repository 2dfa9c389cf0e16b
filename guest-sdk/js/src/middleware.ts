/**
 * Middleware as authors write it: the object form of Inngest 3 (`InngestMiddleware`) and the class form of Inngest 4 (`Middleware.BaseMiddleware`).
 *
 * Only shapes and types; `layers.ts` puts them to work. What is called where: hooks around a step's body run with the body; all others run as workflow code, once at the
 * beginning of the run and again on every replay, so they can have no clock, randomness or network of their own, and their log lines are recorded once.
 */

import type { EventPayload, JsonError } from "./events.ts";
import type { InngestFunction } from "./function.ts";
import type { StepInfo as HookStepInfo, StepType as HookStepType } from "./hooks.ts";
import type { StepOptions, StepTools } from "./step-types.ts";
import type { ApplyTransform, DefaultStaticTransform as DefaultTransform, MaybePromise, StaticTransform as AnyTransform } from "./types.ts";

type AnyFn = InngestFunction<any, any>;

/** The context of a handler, as far as a middleware can know it. */
export interface MiddlewareContext {
  event: any;
  events: any[];
  step: StepTools;
  runId: string;
  attempt: number;
  maxAttempts: number;
  [member: string]: any;
}

/** The outcome of a body or of a run. */
export interface MiddlewareResult {
  data?: unknown;
  error?: unknown;
}

/** The step that an outcome belongs to. */
export interface MiddlewareStep {
  name: string;
  displayName: string;
  op: HookStepType;
}

type Blank = () => MaybePromise<void>;

/** The hooks of one run. */
export interface FunctionRunHooks {
  /** Before the handler: adds members to its context. */
  transformInput?: (args: { ctx: MiddlewareContext; fn: AnyFn; steps: never[]; reqArgs: readonly unknown[] }) => MaybePromise<
    { ctx?: Record<string, unknown>; steps?: unknown[] } | undefined | void
  >;
  /** Before the handler. */
  beforeMemoization?: Blank;
  /** Before the handler, after all `beforeMemoization`: whether results were recorded before is nothing that workflow code can learn. */
  afterMemoization?: Blank;
  /** Before a body, with it. */
  beforeExecution?: Blank;
  /** After a body, with it. */
  afterExecution?: Blank;
  /** Changes what a body (`step` says which) or the handler gave. */
  transformOutput?: (args: { result: Readonly<MiddlewareResult>; step?: MiddlewareStep }) => MaybePromise<
    { result?: MiddlewareResult } | undefined | void
  >;
  /** After the handler has ended. */
  finished?: (args: { result: Readonly<MiddlewareResult> }) => MaybePromise<void>;
  /** Last, after a body and after the handler: for what must be flushed. */
  beforeResponse?: Blank;
}

/** What `init` of a middleware gives. */
export interface MiddlewareHooks {
  onFunctionRun?: (args: {
    ctx: { event: any; runId: string };
    fn: AnyFn;
    steps: never[];
    reqArgs: readonly unknown[];
  }) => MaybePromise<FunctionRunHooks>;
  onSendEvent?: () => MaybePromise<{
    /** Changes events before they are sent. */
    transformInput?: (args: { payloads: readonly EventPayload[] }) => MaybePromise<{ payloads?: EventPayload[] } | undefined | void>;
    /** Changes what sending gives. */
    transformOutput?: (args: { result: { ids: string[] } }) => MaybePromise<{ result?: Record<string, unknown> } | undefined | void>;
  }>;
}

export interface MiddlewareOptions {
  name: string;
  init: (args: { client: any; fn?: AnyFn }) => MaybePromise<MiddlewareHooks>;
}

/**
 * Middleware in the form of Inngest 3.
 *
 * ```ts
 * const db = new InngestMiddleware({
 *   name: "db",
 *   init: () => ({ onFunctionRun: () => ({ transformInput: () => ({ ctx: { db: connect() } }) }) }),
 * });
 * ```
 */
export class InngestMiddleware<TOptions extends MiddlewareOptions = MiddlewareOptions> {
  readonly name: TOptions["name"];
  readonly init: TOptions["init"];

  constructor({ name, init }: TOptions) {
    this.name = name;
    this.init = init;
  }
}

/** Adds members to the context of every handler: clients of other services, configuration. */
export function dependencyInjectionMiddleware<const T extends Record<string, unknown>>(context: T) {
  return new InngestMiddleware({
    name: "dependency-injection",
    init: () => ({ onFunctionRun: () => ({ transformInput: () => ({ ctx: context }) }) }),
  });
}

/** The class form. */
abstract class BaseMiddleware {
  readonly client: any;
  /** Names the middleware in messages. */
  abstract readonly id: string;
  /** What becomes of what a handler returns; for the compiler. */
  declare functionOutputTransform: DefaultTransform;
  /** What becomes of what a body returns; for the compiler. */
  declare stepOutputTransform: DefaultTransform;

  constructor({ client }: { client: any }) {
    this.client = client;
  }

  /** Called once for a client, or for a function, that has the class. */
  static onRegister?(args: Middleware.OnRegisterArgs): void;
  /** Before the handler. Whether results were recorded before is nothing that workflow code can learn. */
  onMemoizationEnd?(args: { ctx: MiddlewareContext; fn: AnyFn }): MaybePromise<void>;
  /** At the beginning of the first attempt at the workflow code. */
  onRunStart?(args: { ctx: MiddlewareContext; fn: AnyFn }): MaybePromise<void>;
  /** When the handler has returned. */
  onRunComplete?(args: { ctx: MiddlewareContext; fn: AnyFn; output: unknown }): MaybePromise<void>;
  /** When the handler has thrown. */
  onRunError?(args: { ctx: MiddlewareContext; fn: AnyFn; error: Error; isFinalAttempt: boolean }): MaybePromise<void>;
  /** Before a body, with it. */
  onStepStart?(args: { ctx: MiddlewareContext; fn: AnyFn; stepInfo: HookStepInfo }): MaybePromise<void>;
  /** After a body that returned, with it. */
  onStepComplete?(args: { ctx: MiddlewareContext; fn: AnyFn; stepInfo: HookStepInfo; output: unknown }): MaybePromise<void>;
  /** After a body that threw, with it. */
  onStepError?(args: Middleware.OnStepErrorArgs): MaybePromise<void>;
  /** Before the handler: may change its context. */
  transformFunctionInput?(args: Middleware.TransformFunctionInputArgs): MaybePromise<Middleware.TransformFunctionInputArgs>;
  /** Before events are sent. */
  transformSendEvent?(args: Middleware.TransformSendEventArgs): MaybePromise<Middleware.TransformSendEventArgs>;
  /** Before a step is started: may change its options and its arguments. */
  transformStepInput?(args: Middleware.TransformStepInputArgs): MaybePromise<Middleware.TransformStepInputArgs>;
  /** Around the handler. */
  wrapFunctionHandler?(args: { ctx: MiddlewareContext; fn: AnyFn; next: () => Promise<unknown> }): Promise<unknown>;
  /** Around the sending of events. */
  wrapSendEvent?(args: { events: EventPayload[]; fn: AnyFn | null; next: () => Promise<{ ids: string[] }> }): Promise<{ ids: string[] }>;
  /** Around a step, in workflow code. */
  wrapStep?(args: Middleware.WrapStepArgs): Promise<unknown>;
  /** Around a body, with it. */
  wrapStepHandler?(args: Middleware.WrapStepArgs): Promise<unknown>;
}

export namespace Middleware {
  export type StaticTransform = AnyTransform;
  export type DefaultStaticTransform = DefaultTransform;
  export type StepInfo = HookStepInfo;
  export type StepType = HookStepType;
  export type Context = MiddlewareContext;

  export interface OnRegisterArgs {
    readonly client: any;
    readonly fn: AnyFn | null;
  }
  export interface OnStepErrorArgs {
    readonly ctx: MiddlewareContext;
    readonly fn: AnyFn;
    readonly stepInfo: HookStepInfo;
    readonly error: Error;
    readonly isFinalAttempt: boolean;
  }
  export interface TransformFunctionInputArgs {
    ctx: MiddlewareContext;
    readonly fn: AnyFn;
    /** Always empty: results are handed to steps as they come, not to the run in advance. */
    steps: Record<string, { type: "data"; data: unknown } | { type: "error"; error: JsonError } | { type: "input"; input: unknown }>;
  }
  export interface TransformSendEventArgs {
    events: EventPayload[];
    readonly fn: AnyFn | null;
  }
  export interface TransformStepInputArgs {
    readonly fn: AnyFn;
    readonly stepInfo: HookStepInfo;
    stepOptions: StepOptions;
    input: unknown[];
  }
  export interface WrapStepArgs {
    readonly ctx: MiddlewareContext;
    readonly fn: AnyFn;
    readonly stepInfo: HookStepInfo;
    readonly next: () => Promise<unknown>;
  }
  /** A class that extends {@link Middleware.BaseMiddleware}. */
  export interface Class {
    new (args: { client: any }): BaseMiddleware;
    onRegister?(args: OnRegisterArgs): void;
  }
}

/** The class form of middleware: extend `Middleware.BaseMiddleware`. */
export const Middleware = { BaseMiddleware } as { BaseMiddleware: typeof BaseMiddleware };

/** An instance of the class form. */
export type MiddlewareInstance = InstanceType<typeof BaseMiddleware>;

/** Middleware in either form. */
export type AnyMiddleware = InngestMiddleware<any> | Middleware.Class;

type AwaitedReturn<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

/** What a context has anyway. */
type OwnMembers = "event" | "events" | "step" | "group" | "runId" | "attempt" | "maxAttempts" | "logger" | number;

/** What one middleware adds to the context of handlers. */
type ContextOf<M> =
  M extends InngestMiddleware<infer O>
    ? O extends { init: infer I }
      ? AwaitedReturn<I> extends { onFunctionRun: infer R }
        ? AwaitedReturn<R> extends { transformInput: infer T }
          ? NonNullable<AwaitedReturn<T>> extends { ctx: infer C }
            ? { [K in keyof C]: C[K] }
            : {}
          : {}
        : {}
      : {}
    : M extends abstract new (...args: never[]) => { transformFunctionInput(args: never): infer R }
      ? Awaited<R> extends { ctx: infer C }
        ? { [K in keyof C as string extends K ? never : K extends OwnMembers ? never : K]: C[K] }
        : {}
      : {};

/** What all middleware of a list add to the context. */
export type ContextAdditions<M> = M extends readonly [infer First, ...infer Rest]
  ? ContextOf<First> & ContextAdditions<Rest>
  : {};

/** What a middleware declares for the results of bodies; nothing, if it leaves them alone. */
type TransformOf<M> = M extends abstract new (...args: never[]) => { stepOutputTransform: infer T extends AnyTransform }
  ? "isDefault" extends keyof T
    ? []
    : [T]
  : [];

type TransformsOf<M> = M extends readonly [infer First, ...infer Rest] ? [...TransformOf<First>, ...TransformsOf<Rest>] : [];

/** The last one is the innermost. */
type Compose<T> = T extends readonly [infer Only extends AnyTransform]
  ? Only
  : T extends readonly [infer Outer extends AnyTransform, ...infer Inner]
    ? Composed<Outer, Compose<Inner>>
    : DefaultTransform;

/** What becomes of what bodies return. Without middleware that says otherwise, what JSON makes of it. */
export type StepTransform<M> = Compose<TransformsOf<M>>;

interface Composed<Outer extends AnyTransform, Inner extends AnyTransform> extends AnyTransform {
  Out: ApplyTransform<Outer, ApplyTransform<Inner, this["In"]>>;
}
