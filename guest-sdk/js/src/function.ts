/**
 * Functions: a handler with its configuration, and references to functions of other apps.
 */

import { faultsOf } from "./check.ts";
import { type Built, configOf, failureConfigOf } from "./config.ts";
import type { FunctionConfig } from "./contract.ts";
import type { AnyHandler, FailureOptions, FlowControl, FunctionOptions } from "./options.ts";
import type { Trigger } from "./triggers.ts";
import type { ResultOf, SingleOrArray } from "./types.ts";

/** What a function is besides its types. */
interface Parts {
  readonly options: FunctionOptions<string, AnyHandler, unknown>;
  readonly triggers: readonly Trigger[];
  readonly handler: AnyHandler;
  readonly client: object;
}

/**
 * A function of an app. Made by `createFunction`.
 *
 * `THandler` is the type of its handler, `TEvent` that of the events that start it.
 */
export class InngestFunction<THandler extends AnyHandler = AnyHandler, TEvent = any> {
  /** Only for the compiler. */
  declare readonly types: { handler: THandler; event: TEvent };
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The id; with a prefix as Inngest shows it, `prefix-id`. */
  id(prefix?: string): string {
    const { id } = this.#parts.options;
    return prefix ? `${prefix}-${id}` : id;
  }

  /** What people call it. */
  get name(): string {
    return this.#parts.options.name ?? this.#parts.options.id;
  }

  get description(): string | undefined {
    return this.#parts.options.description;
  }

  /** The options that it was made with. */
  get opts(): FunctionOptions<string, AnyHandler, unknown> & { triggers: readonly Trigger[] } {
    return { ...this.#parts.options, triggers: this.#parts.triggers };
  }

  /** The client that it belongs to. */
  get client(): object {
    return this.#parts.client;
  }

  get handler(): AnyHandler {
    return this.#parts.handler;
  }

  /** The handler of its failures, with its options. */
  get failureHandler(): FailureOptions<AnyHandler> | undefined {
    const given = this.#parts.options.onFailure;
    return typeof given === "function" ? { handler: given } : given;
  }

  /** The configurations for the host: its own, and that of the handler of its failures; and everything that is wrong with them. */
  describe(): { configs: FunctionConfig[]; faults: string[] } {
    const own = configOf(this.#parts.options, this.#parts.triggers);
    const faults = [...own.faults, ...faultsOf(own.config)];
    const configs = [own.config];
    const handler = this.failureHandler;
    if (handler) {
      if (typeof handler.handler !== "function") {
        faults.push("onFailure: give a function, or an object with a `handler` that is one");
      }
      const inside: Built = failureConfigOf(own.config.id, handler satisfies FlowControl);
      const wrong = [...inside.faults, ...faultsOf(inside.config)];
      // Its id is made of the function's: where that is wrong, it was said already.
      const ownId = faults.some((fault) => fault.startsWith("id: "));
      faults.push(...wrong.filter((fault) => !(ownId && fault.startsWith("id: "))).map((fault) => `onFailure.${fault}`));
      configs.push(inside.config);
    }
    return { configs, faults };
  }
}

/** A function that is not in this code, by its id. Made by {@link referenceFunction}. */
export class FunctionReference<TFunction = unknown, TInput = unknown, TOutput = unknown> {
  declare readonly types: { function: TFunction; input: TInput; output: TOutput };
  readonly functionId: string;
  readonly appId: string | undefined;

  constructor(options: { functionId: string; appId?: string | undefined }) {
    this.functionId = options.functionId;
    this.appId = options.appId;
  }
}

/**
 * A reference to a function elsewhere, for `step.invoke`: typed by the function (`referenceFunction<typeof render>(…)`), or by schemas of its data and its result.
 */
export function referenceFunction<
  TFunction extends InngestFunction<any, any>,
  TInput = unknown,
  TOutput = unknown,
>(options: { functionId: string; appId?: string; schemas?: { data?: TInput; return?: TOutput } }): FunctionReference<TFunction, TInput, TOutput>;
export function referenceFunction<TInput = unknown, TOutput = unknown>(options: {
  functionId: string;
  appId?: string;
  schemas?: { data?: TInput; return?: TOutput };
}): FunctionReference<unknown, TInput, TOutput>;
export function referenceFunction(options: { functionId: string; appId?: string }): FunctionReference {
  return new FunctionReference({ functionId: options.functionId, appId: options.appId });
}

/** What `step.invoke` can call. */
export type AnyFunctionTarget = InngestFunction<any, any> | FunctionReference<any, any, any> | string;

/** The data that a function is invoked with. */
export type InvokeData<T> =
  T extends FunctionReference<infer F, infer I, any>
    ? F extends InngestFunction<any, any>
      ? InvokeData<F>
      : SchemaOutput<I>
    : T extends InngestFunction<any, infer E>
      ? E extends { data: infer D }
        ? D
        : any
      : any;

/** What a function gives to those who invoke it. */
export type InvokeResult<T> =
  T extends FunctionReference<infer F, any, infer O>
    ? F extends InngestFunction<any, any>
      ? InvokeResult<F>
      : SchemaOutput<O>
    : T extends InngestFunction<infer H, any>
      ? ResultOf<H>
      : any;

type SchemaOutput<S> = unknown extends S
  ? any
  : S extends { "~standard": { types?: infer T } }
    ? NonNullable<T> extends { output: infer O }
      ? O
      : any
    : any;

/** The output of a function, as others see it. */
export type GetFunctionOutput<T> = InvokeResult<T>;

/** The id by which the host knows a function: `function` in the same app, `app/function` elsewhere. */
export function targetOf(target: unknown, appId: string): string {
  if (typeof target === "string") {
    return target;
  }
  if (target instanceof InngestFunction) {
    return target.id();
  }
  if (target instanceof FunctionReference) {
    return target.appId === undefined || target.appId === appId ? target.functionId : `${target.appId}/${target.functionId}`;
  }
  throw new Error("function: give a function, `referenceFunction({ functionId, appId })`, or an id such as `app-id/function-id`");
}

/** The triggers of a function in the form of a list. */
export function triggerList(triggers: SingleOrArray<Trigger> | undefined): readonly Trigger[] {
  return triggers === undefined ? [] : Array.isArray(triggers) ? (triggers as readonly Trigger[]) : [triggers as Trigger];
}

