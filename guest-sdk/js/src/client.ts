/**
 * The client: what functions are made with, and what sends events outside of steps.
 */

import type { EventNamed, EventPayload, EventSchemas, EventsOf, FailureEventArgs, SendPayload } from "./events.ts";
import { InngestFunction, triggerList } from "./function.ts";
import type { GroupTools } from "./group.ts";
import { currentRun } from "./inside.ts";
import { sendThrough } from "./layers.ts";
import { type Logger, hostLogger } from "./logger.ts";
import { type AnyMiddleware, type ContextAdditions, InngestMiddleware, type StepTransform } from "./middleware.ts";
import { currentMode } from "./mode.ts";
import { sendEvents } from "./operations.ts";
import type { AnyHandler, FunctionOptions } from "./options.ts";
import { sendByHttp } from "./send.ts";
import type { EventPayloadOf, StepTools } from "./step-types.ts";
import type { EventForTriggers, Trigger } from "./triggers.ts";
import type { MaybePromise, SingleOrArray } from "./types.ts";

/** Options of a client. Those that concern Inngest's cloud (`eventKey`, `signingKey`, `baseUrl`…) are accepted so that existing code builds. */
export interface ClientOptions {
  /** Names the client. The app's id is what it is deployed as: `[app] id` of its abide.toml. */
  id: string;
  /** The events that the client knows. */
  schemas?: EventSchemas<any>;
  /** Middleware of all functions of the client, the first one outermost. */
  middleware?: readonly AnyMiddleware[];
  /** In place of the logger that records lines of the run. */
  logger?: Logger;
  /** The key by which `send` in a body shows itself to the event API. Default: the variable `ABIDE_EVENT_KEY`, else `INNGEST_EVENT_KEY`. */
  eventKey?: string;
  /** Where `send` in a body finds the event API. Default: the variable `ABIDE_URL`, else `INNGEST_BASE_URL`. */
  baseUrl?: string;
  [other: string]: unknown;
}

type SchemasOf<O> = O extends { schemas: infer S } ? S : undefined;
type MiddlewareOf<O> = O extends { middleware: infer M } ? M : readonly [];

/** What a handler is called with. */
export type Context<TEvents, TEvent, TMiddleware> = {
  /** The event that started the run; of several, the first, or the newest of debounced ones. */
  event: TEvent;
  /** All events that started the run. */
  events: [TEvent, ...TEvent[]];
  /** The durable operations. */
  step: StepTools<TEvents, StepTransform<TMiddleware>>;
  /** Steps side by side, in the form of Inngest 4. */
  group: GroupTools;
  /** The run's id, a ULID. */
  runId: string;
  /** How often the workflow code (not a step) failed before, from 0. */
  attempt: number;
  /** How many attempts at the workflow code there can be. */
  maxAttempts: number;
  /** The app's id. */
  appId: string;
  /** The function's id. */
  functionId: string;
  /** Log lines that belong to the run. */
  logger: Logger;
} & ContextAdditions<TMiddleware>;

type NameIn<TEvents> = string extends keyof TEvents
  ? string
  : (keyof TEvents & string) | `${string}/*` | `${string}.*` | `inngest/${string}` | `abide/${string}`;

/** Both lists of middleware, those of the client first. */
type Both<A, B> = A extends readonly unknown[] ? (B extends readonly unknown[] ? [...A, ...B] : A) : B;

type Handler<TEvents, TEvent, TMiddleware, TResult> = (ctx: Context<TEvents, TEvent, TMiddleware>) => TResult;
type FailureHandler<TEvents, TEvent, TMiddleware> = (
  ctx: Omit<Context<TEvents, TEvent, TMiddleware>, "event" | "events"> & FailureEventArgs<TEvent> & { events: unknown[] },
) => MaybePromise<unknown>;

/**
 * A client: makes functions, and sends events.
 *
 * ```ts
 * export const inngest = new Inngest({ id: "shop", schemas: new EventSchemas().fromRecord<{
 *   "order/created": { data: { orderId: string; total: number } };
 * }>() });
 * ```
 */
export class Inngest<const TOptions extends ClientOptions = ClientOptions> {
  readonly id: string;
  readonly options: TOptions;
  readonly #functions: InngestFunction<any, any>[] = [];

  constructor(options: TOptions) {
    if (typeof options?.id !== "string" || options.id === "") {
      throw new TypeError("a client needs an id: new Inngest({ id: \"my-app\" })");
    }
    this.id = options.id;
    this.options = options;
    register(this, options.middleware ?? [], null);
  }

  /** The events that the client knows. */
  get schemas(): EventSchemas<any> | undefined {
    return this.options.schemas;
  }

  get middleware(): readonly AnyMiddleware[] {
    return this.options.middleware ?? [];
  }

  get logger(): Logger {
    return this.options.logger ?? hostLogger;
  }

  /** The functions that were made with it. */
  get funcs(): readonly InngestFunction<any, any>[] {
    return this.#functions;
  }

  /**
   * A function, with its triggers behind its options (as in Inngest 3).
   *
   * ```ts
   * inngest.createFunction({ id: "welcome" }, { event: "user/signed.up" }, async ({ event, step }) => { … });
   * ```
   */
  createFunction<
    const TTriggers extends SingleOrArray<Trigger<NameIn<EventsOf<SchemasOf<TOptions>>>>>,
    TResult,
    const TMiddleware extends readonly AnyMiddleware[] = [],
  >(
    options: FunctionOptions<
      NameIn<EventsOf<SchemasOf<TOptions>>>,
      FailureHandler<
        EventsOf<SchemasOf<TOptions>>,
        EventForTriggers<EventsOf<SchemasOf<TOptions>>, TTriggers>,
        Both<MiddlewareOf<TOptions>, TMiddleware>
      >,
      TMiddleware
    >,
    triggers: TTriggers,
    handler: Handler<
      EventsOf<SchemasOf<TOptions>>,
      EventForTriggers<EventsOf<SchemasOf<TOptions>>, TTriggers>,
      Both<MiddlewareOf<TOptions>, TMiddleware>,
      TResult
    >,
  ): InngestFunction<() => TResult, EventForTriggers<EventsOf<SchemasOf<TOptions>>, TTriggers>>;

  /**
   * A function, with its triggers among its options (as in Inngest 4). Without any it runs only by `step.invoke`.
   *
   * ```ts
   * inngest.createFunction({ id: "welcome", triggers: [{ event: "user/signed.up" }] }, async ({ event, step }) => { … });
   * ```
   */
  createFunction<
    TResult,
    const TTriggers extends SingleOrArray<Trigger<NameIn<EventsOf<SchemasOf<TOptions>>>>> = [],
    const TMiddleware extends readonly AnyMiddleware[] = [],
  >(
    options: FunctionOptions<
      NameIn<EventsOf<SchemasOf<TOptions>>>,
      FailureHandler<
        EventsOf<SchemasOf<TOptions>>,
        EventForTriggers<EventsOf<SchemasOf<TOptions>>, TTriggers>,
        Both<MiddlewareOf<TOptions>, TMiddleware>
      >,
      TMiddleware
    > & { triggers?: TTriggers },
    handler: Handler<
      EventsOf<SchemasOf<TOptions>>,
      EventForTriggers<EventsOf<SchemasOf<TOptions>>, TTriggers>,
      Both<MiddlewareOf<TOptions>, TMiddleware>,
      TResult
    >,
  ): InngestFunction<() => TResult, EventForTriggers<EventsOf<SchemasOf<TOptions>>, TTriggers>>;

  createFunction(options: unknown, second: unknown, third?: unknown): InngestFunction<any, any> {
    const given = options as FunctionOptions<string, AnyHandler, unknown> & { triggers?: SingleOrArray<Trigger> };
    if (typeof given !== "object" || given === null || typeof given.id !== "string") {
      throw new TypeError("createFunction: the first argument says at least the id: { id: \"welcome-drip\" }");
    }
    const inOptions = typeof second === "function" && third === undefined;
    const handler = (inOptions ? second : third) as AnyHandler;
    if (typeof handler !== "function") {
      throw new TypeError(`createFunction: function \`${given.id}\` has no handler: it is the last argument`);
    }
    const triggers = triggerList(inOptions ? given.triggers : (second as SingleOrArray<Trigger>));
    const made = new InngestFunction<any, any>({ options: given, triggers, handler, client: this });
    register(this, (given.middleware as AnyMiddleware[] | undefined) ?? [], made);
    this.#functions.push(made);
    return made;
  }

  /**
   * Sends events.
   *
   * In workflow code it is a step like any other, with the id `inngest.send`: recorded, and sent exactly once. In the body of a step it is a request to the event API (see the README), whose events have
   * ids that the attempt does not change: a body that is tried again sends nothing twice.
   */
  async send(
    events: SingleOrArray<SendPayload<EventsOf<SchemasOf<TOptions>>> | EventPayloadOf>,
    _options?: { env?: string },
  ): Promise<{ ids: string[] }> {
    const list = (Array.isArray(events) ? events : [events]) as EventPayload[];
    const inside = currentRun();
    switch (currentMode()) {
      case "workflow":
        if (inside) {
          return sendEvents(inside.run, undefined, "inngest.send", list);
        }
        break;
      case "body":
        return sendThrough(this.middleware, this, [...list], (changed) => sendByHttp(this.options, changed));
      case "loading":
        break;
    }
    throw new Error("inngest.send works inside a function: an app that is being loaded has no one to send to");
  }

  /** There for code that sets variables by hand; configured variables are in the environment of bodies already. */
  setEnvVars(_variables: Record<string, string | undefined>): this {
    return this;
  }

  /** Settled at once: there is nothing to wait for. */
  get ready(): Promise<void> {
    return Promise.resolve();
  }
}

/** Tells classes of middleware that they are in use, and refuses what could never be called. */
function register(client: object, middleware: readonly AnyMiddleware[], fn: InngestFunction<any, any> | null): void {
  for (const one of middleware) {
    if (one instanceof InngestMiddleware) {
      continue;
    }
    if (typeof one !== "function") {
      throw new TypeError("middleware: give an InngestMiddleware, or a class that extends Middleware.BaseMiddleware");
    }
    if ("wrapRequest" in one.prototype) {
      throw new TypeError(
        `middleware \`${one.name}\`: wrapRequest has nothing to wrap, since no HTTP request starts a run here: use wrapFunctionHandler`,
      );
    }
    one.onRegister?.({ client, fn });
  }
}

/** The type of `step` of a client. */
export type GetStepTools<TClient extends Inngest<any>> =
  TClient extends Inngest<infer O> ? StepTools<EventsOf<SchemasOf<O>>, StepTransform<MiddlewareOf<O>>> : never;

/** The type of the context of a client's handlers, for the event of one name. */
export type GetFunctionInput<TClient extends Inngest<any>, TName extends string = string> =
  TClient extends Inngest<infer O>
    ? Context<EventsOf<SchemasOf<O>>, EventNamed<EventsOf<SchemasOf<O>>, TName>, MiddlewareOf<O>>
    : never;

/** The events that a client knows, as handlers get them. */
export type GetEvents<TClient extends Inngest<any>> =
  TClient extends Inngest<infer O>
    ? { [K in keyof EventsOf<SchemasOf<O>> & string]: EventNamed<EventsOf<SchemasOf<O>>, K> }
    : never;

