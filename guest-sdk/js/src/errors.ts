/**
 * What can go wrong, and what an author says about trying again; and the passage of errors to the host and back.
 */

import type { Failure, RetryAdvice } from "./contract.ts";
import { type DurationInput, InvalidTime, durationToMs } from "./duration.ts";

interface ErrorOptionsWithData {
  /** What led to the error. */
  cause?: unknown;
  /** Anything that JSON can express, for whoever catches the error: {@link StepError.data}. */
  data?: unknown;
}

/**
 * An error that trying again cannot cure: the step, or the run, fails at once.
 *
 * ```ts
 * throw new NonRetriableError("the card was declined");
 * ```
 *
 * The kind of error that is recorded is the class's name; extend it, or set `name`, to say more.
 */
export class NonRetriableError extends Error {
  override name = "NonRetriableError";
  /** What the author attached. */
  readonly data?: unknown;

  constructor(message: string, options?: ErrorOptionsWithData) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    nameByClass(this, NonRetriableError);
    this.data = options?.data;
  }
}

/**
 * An error to be tried again after a time (milliseconds, or text such as `"90s"`) or at a point in time, clamped to 1 second … 24 hours.
 *
 * ```ts
 * throw new RetryAfterError("the gateway is busy", "90s");
 * ```
 */
export class RetryAfterError extends Error {
  override name = "RetryAfterError";
  /** When to try again: seconds as text, or a point in time in ISO 8601. */
  readonly retryAfter: string;
  /** What the author attached. */
  readonly data?: unknown;

  constructor(message: string, retryAfter: DurationInput | Date, options?: ErrorOptionsWithData) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    nameByClass(this, RetryAfterError);
    this.data = options?.data;
    this.retryAfter =
      retryAfter instanceof Date
        ? retryAfter.toISOString()
        : String(Math.ceil(durationToMs(retryAfter) / 1000));
    advices.set(
      this,
      retryAfter instanceof Date
        ? { tag: "retry-at", val: BigInt(Math.max(0, retryAfter.getTime())) }
        : { tag: "retry-after", val: BigInt(durationToMs(retryAfter)) },
    );
  }
}

/** What an error says about trying again, where its class alone does not. */
const advices = new WeakMap<object, RetryAdvice>();

/** Notes what an error says about trying again. */
export function advise(error: Error, advice: RetryAdvice): void {
  advices.set(error, advice);
}

/**
 * Why an operation did not give what the workflow asked for: its last attempt failed, or it was asked for wrongly (`InvalidOptions`).
 *
 * Workflow code may catch it; thrown on, it ends the run, and since the failure is recorded, workflow code is not tried again.
 */
export class StepError extends Error {
  override name: string;
  /** The id of the step, as the author wrote it. */
  readonly stepId: string;
  /** What the body attached to its error. */
  readonly data?: unknown;

  constructor(stepId: string, error: unknown) {
    const { name, message, stack, data } = readable(error);
    super(message);
    this.stepId = stepId;
    this.name = name;
    if (stack !== undefined) {
      this.stack = stack;
    }
    this.data = data;
  }
}

/** The failure that an operation ended with, as workflow code sees it. */
export function stepError(stepId: string, failure: Failure): StepError {
  return new StepError(stepId, {
    name: failure.name,
    message: failure.message,
    // The place where it is told is the SDK's, and says nothing.
    stack: failure.stack ?? "",
    data: failure.data === undefined ? undefined : JSON.parse(failure.data),
  });
}

/** An operation that was asked for wrongly. */
export function refusal(stepId: string, name: string, message: string): StepError {
  return new StepError(stepId, { name, message });
}

/** A result that JSON cannot express. Its stack would be the SDK's. */
export class InvalidResult extends NonRetriableError {
  override stack = "";
}

/** What was thrown, as the host records it. */
export function toFailure(thrown: unknown, mapStack: (stack: string) => string = (stack) => stack): Failure {
  const { name, message, stack, data, retry } = readable(thrown);
  return {
    name: name === "NonRetriableError" || name === "RetryAfterError" ? "Error" : name,
    message: thrown instanceof StepError ? withStep(thrown.stepId, message) : message,
    stack: stack === undefined || stack === "" ? undefined : withoutConstructors(mapStack(stack), thrown),
    data: data === undefined ? undefined : attempt(() => JSON.stringify(data)),
    retry,
  };
}

/** Some engines show the constructors of an error before the place that threw it, which is the one that matters. */
function withoutConstructors(stack: string, thrown: unknown): string {
  const names = new Set<string>();
  let prototype: unknown = thrown instanceof Error ? Object.getPrototypeOf(thrown) : undefined;
  while (prototype instanceof Error || prototype === Error.prototype) {
    names.add((prototype as Error).constructor.name);
    prototype = Object.getPrototypeOf(prototype);
  }
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => !names.has(/^\s*at (?:new )?([\w$]+) \(/.exec(line)?.[1] ?? ""));
  return lines.slice(Math.max(first, 0)).join("\n");
}

/** A failure of the platform names its step already. */
function withStep(stepId: string, message: string): string {
  return message.startsWith("step `") ? message : `step \`${stepId}\`: ${message}`;
}

interface Readable {
  name: string;
  message: string;
  stack: string | undefined;
  data: unknown;
  retry: RetryAdvice;
}

/** Anything can be thrown: an error of any realm, text, an object, nothing. */
function readable(thrown: unknown): Readable {
  const retry = adviceOf(thrown);
  if (typeof thrown !== "object" || thrown === null) {
    return { name: "Error", message: String(thrown), stack: undefined, data: undefined, retry };
  }
  const error = thrown as Record<string, unknown>;
  const text = (member: string) => attempt(() => (typeof error[member] === "string" ? (error[member] as string) : undefined));
  const message = text("message") ?? attempt(() => JSON.stringify(thrown)) ?? "something was thrown that cannot be shown";
  return {
    name: nameOf(error, text("name")),
    message: withCauses(message, error),
    stack: text("stack"),
    data: attempt(() => error["data"]),
    retry,
  };
}

/** What the error calls itself; else the name of its class. */
function nameOf(error: object, own: string | undefined): string {
  if (own && (own !== "Error" || error instanceof StepError)) {
    return own;
  }
  const ofClass = error instanceof Error ? attempt(() => error.constructor.name) : undefined;
  return ofClass || "Error";
}

/** `reading the amount: not a number`: causes follow the message, once each. */
function withCauses(message: string, error: Record<string, unknown>): string {
  let whole = message;
  let cause = attempt(() => error["cause"]);
  for (let depth = 0; depth < 10 && cause instanceof Error && !(cause instanceof StepError); depth += 1) {
    if (cause.message !== "" && !whole.includes(cause.message)) {
      whole = `${whole}: ${cause.message}`;
    }
    cause = cause.cause;
  }
  return whole;
}

function adviceOf(thrown: unknown): RetryAdvice {
  if (thrown instanceof NonRetriableError || thrown instanceof StepError || thrown instanceof InvalidTime) {
    return { tag: "non-retriable" };
  }
  return (typeof thrown === "object" && thrown !== null && advices.get(thrown)) || { tag: "retriable" };
}

/** The name of a class that extends one of ours, unless it sets its own. */
function nameByClass(error: Error, base: { name: string }): void {
  const own = error.constructor.name;
  if (own !== "" && own !== base.name) {
    Object.defineProperty(error, "name", { value: own, writable: true, configurable: true });
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
