/**
 * Triggers: what starts a function.
 */

import type { DurationInput } from "./duration.ts";
import type { EventNamed, ReceivedEvent } from "./events.ts";
import type { InferOutput, StandardSchemaV1 } from "./standard-schema.ts";

/** What a missed tick of a schedule becomes: left out, the latest one, or all of them. */
export type Catchup = "none" | "last" | "all";

/** A schedule. */
export interface CronTrigger {
  /** Minute, hour, day of month, month, day of week, after an optional `TZ=Area/City `. */
  cron: string;
  /** Delays every tick by a length of up to this (1 second to 5 minutes) that depends on function and tick only. */
  jitter?: DurationInput;
  /** What becomes of ticks that passed while no node ran. Default: `last`. */
  catchup?: Catchup;
}

/** An event, by its name or a pattern whose last part is `/*` or `.*`. */
export interface EventTrigger<TName = string> {
  event: TName;
  /** A CEL expression over `event` that must be true. */
  if?: string;
  /** Says the type of the data. */
  schema?: unknown;
}

/** Anything that starts a function. */
export type Trigger<TName = string> = CronTrigger | EventTrigger<TName | EventType<string, any>> | EventType<string, any>;

type DataArguments<TSchema> = TSchema extends StandardSchemaV1<any, any>
  ? [data: InferOutput<TSchema>, options?: CreateOptions]
  : [data?: Record<string, any>, options?: CreateOptions];

interface CreateOptions {
  id?: string;
  ts?: number;
  v?: string;
}

/** The event that {@link EventType.create} makes. */
export interface CreatedEvent<TName extends string, TData> {
  name: TName;
  data: TData;
  id?: string;
  ts?: number;
  v?: string;
  /** Checks the data against the schema; rejects with what is wrong. */
  validate(): Promise<void>;
}

/** The data of an event type. */
export type DataOf<TSchema> = TSchema extends StandardSchemaV1<any, any> ? InferOutput<TSchema> : Record<string, any>;

/**
 * One kind of event with the type of its data: a trigger, something to wait for, and the maker of such events. Made by {@link eventType}.
 */
export class EventType<TName extends string, TSchema = undefined> {
  readonly event: TName;
  readonly name: TName;
  readonly schema: TSchema;
  readonly version?: string;

  constructor(options: { name: TName; schema: TSchema; version?: string }) {
    this.event = options.name;
    this.name = options.name;
    this.schema = options.schema;
    if (options.version !== undefined) {
      this.version = options.version;
    }
  }

  /** An event of this kind, to be sent. */
  create(...[data, options]: DataArguments<TSchema>): CreatedEvent<TName, DataOf<TSchema>> {
    const v = options?.v ?? this.version;
    const event = {
      name: this.name,
      data: (data ?? {}) as DataOf<TSchema>,
      ...(options?.id === undefined ? {} : { id: options.id }),
      ...(options?.ts === undefined ? {} : { ts: options.ts }),
      ...(v === undefined ? {} : { v }),
    };
    const validate = () => validated(this.name, this.schema, event.data);
    // It is not a part of the event.
    return Object.defineProperty(event, "validate", { value: validate }) as CreatedEvent<TName, DataOf<TSchema>>;
  }
}

async function validated(name: string, schema: unknown, data: unknown): Promise<void> {
  const standard = (schema as StandardSchemaV1 | undefined)?.["~standard"];
  const result = await standard?.validate(data);
  if (result?.issues) {
    const faults = result.issues.map(({ message, path }) => {
      const at = (path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
      return at === "" ? message : `${at}: ${message}`;
    });
    throw new TypeError(`the data of event \`${name}\` are not as its schema says: ${faults.join("; ")}`);
  }
}

/**
 * A kind of event.
 *
 * ```ts
 * const signedUp = eventType("user/signed.up", { schema: staticSchema<{ userId: string }>() });
 * inngest.createFunction({ id: "welcome", triggers: [signedUp] }, async ({ event }) => event.data.userId);
 * ```
 */
export function eventType<TName extends string, TSchema = undefined>(
  name: TName,
  options?: { schema?: TSchema; version?: string },
): EventType<TName, TSchema> {
  return new EventType({
    name,
    schema: options?.schema as TSchema,
    ...(options?.version === undefined ? {} : { version: options.version }),
  });
}

/** A schema that says a type and checks nothing. */
export function staticSchema<T extends Record<string, unknown>>(): StandardSchemaV1<T> {
  return { "~standard": { version: 1, vendor: "abide", validate: (value) => ({ value: value as T }) } };
}

/** A schedule as a trigger. */
export function cron<T extends string>(schedule: T, options?: Omit<CronTrigger, "cron">): CronTrigger & { cron: T } {
  return { cron: schedule, ...options };
}

/** Says which data a function takes that others invoke. It needs no trigger for that: only the type matters. */
export function invoke<TData extends Record<string, unknown>>(
  schema: StandardSchemaV1<TData>,
): EventType<"inngest/function.invoked", StandardSchemaV1<TData>> {
  return new EventType({ name: "inngest/function.invoked", schema });
}

/** The event that a trigger stands for, as the handler gets it. */
export type EventForTrigger<TEvents, TTrigger> =
  TTrigger extends EventType<infer N, infer S>
    ? ReceivedEvent<Named<N>, DataOf<S>>
    : TTrigger extends { event: EventType<infer N, infer S> }
      ? ReceivedEvent<Named<N>, DataOf<S>>
      : TTrigger extends { event: infer N extends string; schema: infer S extends StandardSchemaV1<any, any> }
        ? ReceivedEvent<Named<N>, InferOutput<S>>
        : TTrigger extends { event: infer N extends string }
          ? EventNamed<TEvents, N>
          : TTrigger extends { cron: string }
            ? ReceivedEvent<"inngest/scheduled.timer", { cron: string }>
            : never;

/** A pattern says nothing of the name. */
type Named<N extends string> = N extends `${string}*${string}` ? string : N;

/** The event of a function with these triggers. One that is invoked gets the caller's data under the name `inngest/function.invoked`. */
export type EventForTriggers<TEvents, TTriggers> = TTriggers extends readonly unknown[]
  ? number extends TTriggers["length"]
    ? EventForOne<TEvents, TTriggers[number]>
    : TTriggers extends readonly []
      ? ReceivedEvent
      : { [K in keyof TTriggers]: EventForOne<TEvents, TTriggers[K]> }[number]
  : [TTriggers] extends [undefined]
    ? ReceivedEvent
    : EventForOne<TEvents, TTriggers>;

type EventForOne<TEvents, TTrigger> = EventForTrigger<TEvents, TTrigger>;
