/**
 * Events and their types: what a client knows of them (`EventSchemas`), and what a handler gets.
 */

import type { EventSchemaRecord } from "./contract.ts";
import { jsonSchemaOf } from "./json-schema.ts";
import type { InferOutput, StandardSchemaV1 } from "./standard-schema.ts";
import type { IsLiteral, Simplify } from "./types.ts";

/** An event as an author sends it. */
export interface EventPayload<TData = any> {
  /** A key that makes the event unique: for 24 hours a second event with the same key starts no function again. */
  id?: string;
  /** What happened, by convention `domain/entity.action`. */
  name: string;
  /** The payload: a JSON object. */
  data?: TData;
  /** Who it concerns. */
  user?: any;
  /** When it happened, in milliseconds since 1970. A time in the future delays the runs that the event starts. */
  ts?: number;
  /** The version of the payload's shape. */
  v?: string;
}

/** An event as a handler gets it. */
export interface ReceivedEvent<TName extends string = string, TData = any> {
  id: string;
  name: TName;
  data: TData;
  user?: any;
  ts: number;
  v?: string;
}

/** What a record of event types looks like. */
export type EventTypes = Record<string, { name?: string; data?: any; user?: any }>;

/** The error of a run, in the platform's events. */
export interface JsonError {
  name: string;
  message: string;
  stack?: string;
}

/** The events of the platform: a function may be triggered by them, and only the platform sends them. */
export interface InternalEvents {
  "inngest/function.failed": { data: FailureData };
  "inngest/function.finished": {
    data: { function_id: string; run_id: string; event: ReceivedEvent; events: ReceivedEvent[] } & (
      | { result: unknown }
      | { error: JsonError }
    );
  };
  "inngest/function.cancelled": {
    data: { function_id: string; run_id: string; error: JsonError; event: ReceivedEvent; events: ReceivedEvent[] };
  };
  "inngest/function.invoked": { data: Record<string, any> };
  "inngest/scheduled.timer": { data: { cron: string; function_id?: string } };
}

interface FailureData<TEvent = ReceivedEvent> {
  /** The function whose run failed, with its app: `app/function`. */
  function_id: string;
  /** The run that failed. */
  run_id: string;
  error: JsonError;
  /** The event that had started it. */
  event: TEvent;
  /** All of them, where several had. */
  events: TEvent[];
}

/** The event that starts a handler of failures. */
export interface FailureEventPayload<TEvent = ReceivedEvent> {
  id: string;
  name: "inngest/function.failed";
  data: FailureData<TEvent>;
  ts: number;
}

/** The event of a run that has ended well or badly. */
export type FinishedEventPayload = ReceivedEvent<
  "inngest/function.finished",
  InternalEvents["inngest/function.finished"]["data"]
>;

/** The event of a tick of a schedule. */
export type ScheduledTimerEventPayload = ReceivedEvent<"inngest/scheduled.timer", { cron: string }>;

/** The names of the platform's events. */
export const internalEvents = {
  FunctionFailed: "inngest/function.failed",
  FunctionFinished: "inngest/function.finished",
  FunctionCancelled: "inngest/function.cancelled",
  FunctionInvoked: "inngest/function.invoked",
  ScheduledTimer: "inngest/scheduled.timer",
} as const;

/** What a handler of failures is told besides. */
export interface FailureEventArgs<TEvent = ReceivedEvent> {
  event: FailureEventPayload<TEvent>;
  error: Error;
}

type AllInternal = {
  [K in keyof InternalEvents]: InternalEvents[K] & { name: K };
} & {
  [K in keyof InternalEvents as K extends `inngest/${infer Rest}` ? `abide/${Rest}` : never]: InternalEvents[K];
};

/** All events that a client with these schemas knows. */
export type EventsOf<TSchemas> =
  TSchemas extends EventSchemas<infer T> ? (IsLiteral<keyof T & string> extends true ? T & AllInternal : AnyEvents) : AnyEvents;

/** The events of a client without schemas: any. */
export type AnyEvents = Record<string, { data?: any; user?: any }>;

/** The event of one name, as a handler gets it. */
export type EventNamed<TEvents, TName extends string> = TName extends `${string}*${string}`
  ? Matching<TEvents, TName>
  : TName extends keyof TEvents
    ? Received<TEvents[TName], TName>
    : ReceivedEvent<TName>;

type Received<T, TName extends string> = {
  id: string;
  name: TName;
  data: T extends { data: infer D } ? D : T extends { data?: infer D } ? D : any;
  user?: T extends { user?: infer U } ? U : any;
  ts: number;
  v?: string;
};

/** The events whose names a pattern matches; any, if no known one does. */
type Matching<TEvents, TPattern extends string> =
  MatchingNames<keyof TEvents & string, TPattern> extends infer N extends string
    ? [N] extends [never]
      ? ReceivedEvent
      : { [K in N]: EventNamed<TEvents, K> }[N]
    : never;

type MatchingNames<TNames extends string, TPattern extends string> = TPattern extends `${infer Prefix}*`
  ? string extends TNames
    ? never
    : Extract<TNames, `${Prefix}${string}`>
  : never;

/** An event that a client with these events may send. */
export type SendPayload<TEvents> =
  IsLiteral<keyof TEvents & string> extends true
    ? {
        [K in Exclude<keyof TEvents & string, `inngest/${string}` | `abide/${string}`>]: Simplify<
          Omit<EventPayload, "name" | "data" | "user"> & { name: K } & DataMember<TEvents[K]> &
            (TEvents[K] extends { user: infer U } ? { user: U } : { user?: any })
        >;
      }[Exclude<keyof TEvents & string, `inngest/${string}` | `abide/${string}`>]
    : EventPayload;

/** Data that are expected must be given. */
type DataMember<T> = T extends { data: infer D } ? (undefined extends D ? { data?: D } : { data: D }) : { data?: any };

type FromZod<T> = { [K in keyof T & string]: Simplify<{ [M in keyof T[K] & ("data" | "user")]: InferOutput<T[K][M]> }> };
type FromUnion<T extends { name: string }> = { [N in T["name"]]: Extract<T, { name: N }> };
type FromStandard<T> = { [K in keyof T & string]: { data: InferOutput<T[K]> } };

/** Zod schemas of literal events: `z.object({ name: z.literal("a/b"), data: … })`. */
type LiteralName<S> = InferOutput<S> extends { name: infer N extends string } ? N : never;
type FromLiterals<T extends readonly unknown[]> = { [S in T[number] as LiteralName<S>]: InferOutput<S> };

type Combined<A, B> = string extends keyof A ? B : Simplify<Omit<A, keyof B> & B>;

/**
 * The events that a client knows. Only types, except for schemas that can say their JSON Schema (Zod 4 and others that have Standard JSON Schema): those are deployed with the
 * app, and an event that breaks one is refused whoever sends it.
 *
 * ```ts
 * const schemas = new EventSchemas().fromRecord<{
 *   "user/signed.up": { data: { userId: string } };
 * }>();
 * ```
 */
export class EventSchemas<TEvents = Record<string, { data?: any; user?: any }>> {
  /** Only for the compiler: which events these are. */
  declare readonly types: TEvents;
  readonly #schemas: EventSchemaRecord[] = [];

  /** Events by name, as a type. */
  fromRecord<T extends EventTypes>(): EventSchemas<Combined<TEvents, T>> {
    return this as unknown as EventSchemas<Combined<TEvents, T>>;
  }

  /** Events by name, as a type that another tool generated. */
  fromGenerated<T extends EventTypes>(): EventSchemas<Combined<TEvents, T>> {
    return this as unknown as EventSchemas<Combined<TEvents, T>>;
  }

  /** Events as a union of types with literal names. */
  fromUnion<T extends { name: string; data?: any; user?: any }>(): EventSchemas<Combined<TEvents, FromUnion<T>>> {
    return this as unknown as EventSchemas<Combined<TEvents, FromUnion<T>>>;
  }

  /** Events as Zod schemas: a record `{ "a/b": { data: z.object(…) } }`, or a list of objects with a literal name. */
  fromZod<const T extends Record<string, { data?: unknown; user?: unknown }> | readonly unknown[]>(
    schemas: T,
  ): EventSchemas<Combined<TEvents, T extends readonly unknown[] ? FromLiterals<T> : FromZod<T>>> {
    const entries = Array.isArray(schemas) ? schemas.map(literalEntry) : Object.entries(schemas);
    for (const [name, schema] of entries) {
      this.#remember(name, (schema as { data?: unknown }).data);
    }
    return this as never;
  }

  /** Events as schemas of any library that speaks Standard Schema, for their data. */
  fromSchema<const T extends Record<string, StandardSchemaV1<any, any>>>(
    schemas: T,
  ): EventSchemas<Combined<TEvents, FromStandard<T>>> {
    for (const [name, schema] of Object.entries(schemas)) {
      this.#remember(name, schema);
    }
    return this as never;
  }

  /** A JSON Schema (draft 2020-12) for the data of the events of one name, and one version: the host checks every event against it. */
  withJsonSchema(event: string, schema: object | boolean, options?: { version?: string }): this {
    this.#schemas.push({ event, v: options?.version, schema: JSON.stringify(schema) });
    return this;
  }

  /** What the host is to check. */
  get records(): readonly EventSchemaRecord[] {
    return this.#schemas;
  }

  #remember(event: string, schema: unknown): void {
    const found = jsonSchemaOf(schema);
    if (found !== undefined) {
      this.#schemas.push({ event, v: undefined, schema: JSON.stringify(found) });
    }
  }
}

/** Name and members of a Zod object with a literal name. */
function literalEntry(schema: unknown): [string, unknown] {
  const shape = (schema as { shape?: Record<string, { value?: unknown; _def?: { value?: unknown; values?: unknown[] } }> }).shape;
  const name = shape?.["name"];
  const value = name?.value ?? name?._def?.value ?? name?._def?.values?.[0];
  if (typeof value !== "string") {
    throw new TypeError("fromZod: every schema of the list needs a `name` that is a literal: z.object({ name: z.literal(\"user/signed.up\"), … })");
  }
  return [value, shape];
}
