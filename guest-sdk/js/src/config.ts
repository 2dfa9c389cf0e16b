/**
 * From a function's options to the configuration that the host reads. What an author got wrong is collected, not thrown; `check.ts` looks at the whole.
 */

import type { BackoffRecord, CancelOnRecord, ConcurrencyRecord, FunctionConfig, TriggerRecord } from "./contract.ts";
import { type DurationInput, durationToMs } from "./duration.ts";
import type { AnyHandler, BackoffOptions, CancelOnOptions, ConcurrencyOptions, FlowControl, FunctionOptions } from "./options.ts";
import type { Trigger } from "./triggers.ts";

type AnyOptions = FunctionOptions<string, AnyHandler, unknown>;

/** A configuration and what was wrong with the options that it was made of. */
export interface Built {
  readonly config: FunctionConfig;
  readonly faults: string[];
}

/** Collects what is wrong, each with its option. */
export class Faults {
  readonly list: string[] = [];

  add(option: string, fault: string): void {
    this.list.push(`${option}: ${fault}`);
  }

  /** Milliseconds of a length of time that may be missing or wrong. */
  length(option: string, value: DurationInput | undefined): bigint | undefined {
    if (value === undefined) {
      return undefined;
    }
    try {
      return BigInt(durationToMs(value));
    } catch (error) {
      this.add(option, (error as Error).message);
      return undefined;
    }
  }

  /** A whole number that may be missing or wrong. */
  whole(option: string, value: unknown): number | undefined {
    if (value === undefined) {
      return undefined;
    }
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      this.add(option, `must be a whole number, not ${String(value)}`);
      return undefined;
    }
    return value;
  }
}

/** The configuration of a function. */
export function configOf(options: AnyOptions, triggers: readonly Trigger[]): Built {
  const faults = new Faults();
  const config: FunctionConfig = {
    ...flowControl(options, faults),
    id: String(options.id),
    name: options.name,
    triggers: triggers.map((trigger) => triggerRecord(trigger, faults)),
    cancelOn: (options.cancelOn ?? []).map((one) => cancelOnRecord(one, faults)),
  };
  return { config, faults: faults.list };
}

/** The configuration of the handler of a function's failures. */
export function failureConfigOf(id: string, options: FlowControl): Built {
  const faults = new Faults();
  const config: FunctionConfig = {
    ...flowControl(options, faults),
    id: `${id}-failure`,
    name: undefined,
    triggers: [{ tag: "failure-of", val: id }],
    cancelOn: [],
  };
  return { config, faults: faults.list };
}

type PacingConfig = Omit<FunctionConfig, "id" | "name" | "triggers" | "cancelOn">;

function flowControl(options: FlowControl, faults: Faults): PacingConfig {
  const { throttle, rateLimit, debounce, batchEvents, singleton, timeouts } = options;
  return {
    retries: faults.whole("retries", options.retries),
    backoff: options.backoff && backoffRecord(options.backoff, faults),
    concurrency: limitsOf(options.concurrency).map((limit) => concurrencyRecord(limit, faults)),
    throttle: throttle && {
      limit: faults.whole("throttle.limit", throttle.limit) ?? 1,
      period: faults.length("throttle.period", throttle.period) ?? 1_000n,
      burst: faults.whole("throttle.burst", throttle.burst),
      key: throttle.key,
    },
    rateLimit: rateLimit && {
      limit: faults.whole("rateLimit.limit", rateLimit.limit) ?? 1,
      period: faults.length("rateLimit.period", rateLimit.period) ?? 1_000n,
      key: rateLimit.key,
    },
    debounce: debounce && {
      period: faults.length("debounce.period", debounce.period) ?? 1_000n,
      key: debounce.key,
      timeout: faults.length("debounce.timeout", debounce.timeout),
    },
    batchEvents: batchEvents && {
      maxSize: faults.whole("batchEvents.maxSize", batchEvents.maxSize) ?? 2,
      timeout: faults.length("batchEvents.timeout", batchEvents.timeout) ?? 1_000n,
      key: batchEvents.key,
      if: batchEvents.if,
    },
    priority: options.priority?.run,
    idempotency: options.idempotency,
    singleton: singleton && { key: singleton.key, mode: singleton.mode },
    timeouts: timeouts && {
      start: faults.length("timeouts.start", timeouts.start),
      finish: faults.length("timeouts.finish", timeouts.finish),
    },
    retention: faults.length("retention", options.retention),
  };
}

/** The retry schedule of a function or a step. */
export function backoffRecord(backoff: BackoffOptions, faults: Faults): BackoffRecord {
  return {
    kind: backoff.kind,
    base: faults.length("backoff.base", backoff.base) ?? 0n,
    factor: backoff.factor,
    max: faults.length("backoff.max", backoff.max),
    jitter: faults.length("backoff.jitter", backoff.jitter),
  };
}

function limitsOf(concurrency: FlowControl["concurrency"]): readonly ConcurrencyOptions[] {
  if (concurrency === undefined) {
    return [];
  }
  if (typeof concurrency === "number") {
    return [{ limit: concurrency }];
  }
  return Array.isArray(concurrency) ? concurrency : [concurrency as ConcurrencyOptions];
}

function concurrencyRecord(options: ConcurrencyOptions, faults: Faults): ConcurrencyRecord {
  return {
    limit: faults.whole("concurrency.limit", options.limit) ?? 1,
    key: options.key,
    scope: options.scope,
    per: options.per,
  };
}

function cancelOnRecord(options: CancelOnOptions, faults: Faults): CancelOnRecord {
  return {
    event: eventName(options.event),
    if: options.if,
    match: options.match,
    all: options.all ?? false,
    timeout: faults.length("cancelOn.timeout", options.timeout),
  };
}

function triggerRecord(trigger: Trigger, faults: Faults): TriggerRecord {
  if (typeof trigger === "object" && trigger !== null && "cron" in trigger) {
    return {
      tag: "cron",
      val: {
        schedule: String(trigger.cron),
        jitter: faults.length("cron.jitter", trigger.jitter),
        catchup: trigger.catchup,
      },
    };
  }
  if (typeof trigger === "object" && trigger !== null && "event" in trigger) {
    const condition = "if" in trigger ? trigger.if : undefined;
    return { tag: "event", val: { event: eventName(trigger.event), if: condition } };
  }
  faults.add("triggers", "a trigger is `{ event: \"user/signed.up\" }`, `{ cron: \"0 9 * * *\" }` or an event type");
  return { tag: "event", val: { event: "invalid", if: undefined } };
}

/** The name of an event, given as such or as an event type. */
export function eventName(event: unknown): string {
  return typeof event === "object" && event !== null && "name" in event ? String(event.name) : String(event);
}
