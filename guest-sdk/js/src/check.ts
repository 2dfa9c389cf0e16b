/**
 * What can be known to be wrong with a function before it is deployed: every fault, each with its option.
 *
 * The host checks the same again, for guests of every language, and what only it can: the expressions and the schedules.
 */

import type { CancelOnRecord, ConcurrencyRecord, FunctionConfig, TriggerRecord } from "./contract.ts";
import { Faults } from "./config.ts";
import * as limits from "./limits.ts";

/** Everything that is wrong with a configuration. */
export function faultsOf(config: FunctionConfig): string[] {
  const check = new Check();
  check.id(config.id);
  check.triggers(config.triggers);
  if (config.retries !== undefined && config.retries > limits.MAX_RETRIES) {
    check.add("retries", `must be 0 to ${limits.MAX_RETRIES}, not ${config.retries}`);
  }
  const factor = config.backoff?.factor;
  if (factor !== undefined && !(factor >= limits.FACTOR.least && factor <= limits.FACTOR.greatest)) {
    check.add("backoff.factor", `must be ${limits.FACTOR.least} to ${limits.FACTOR.greatest}`);
  }
  check.oneOf("backoff.kind", config.backoff?.kind, ["exponential", "linear", "constant"]);
  check.concurrency(config.concurrency);
  check.pace(config);
  check.merge(config);
  check.text("priority.run", config.priority);
  check.text("idempotency", config.idempotency);
  check.text("singleton.key", config.singleton?.key);
  check.oneOf("singleton.mode", config.singleton && (config.singleton.mode ?? null), ["skip", "cancel"]);
  check.cancelOn(config.cancelOn);
  check.timeouts(config.timeouts);
  check.within("retention", config.retention, limits.RETENTION);
  return check.list;
}

class Check extends Faults {
  id(id: string): void {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id) || id.length > limits.MAX_ID) {
      this.add("id", `\`${id}\` must be kebab-case (\`welcome-drip\`) of at most ${limits.MAX_ID} characters`);
    }
  }

  triggers(triggers: readonly TriggerRecord[]): void {
    if (triggers.length > limits.MAX_TRIGGERS) {
      this.add("triggers", `${triggers.length} triggers, at most ${limits.MAX_TRIGGERS} are allowed`);
    }
    for (const trigger of triggers) {
      if (trigger.tag === "event") {
        this.eventName("triggers", trigger.val.event, true);
        this.text("triggers.if", trigger.val.if);
      } else if (trigger.tag === "cron") {
        this.schedule(trigger.val.schedule);
        this.within("cron.jitter", trigger.val.jitter, limits.CRON_JITTER);
        this.oneOf("cron.catchup", trigger.val.catchup, ["none", "last", "all"]);
      }
    }
  }

  schedule(schedule: string): void {
    const words = schedule.trim().split(/\s+/);
    const zone = words[0]?.startsWith("TZ=") ? words.shift() : undefined;
    if (words.length !== 5 || zone === "TZ=") {
      this.add(
        "cron",
        `\`${schedule}\` is not a schedule: five fields (minute, hour, day of month, month, day of week), after an optional \`TZ=Area/City \``,
      );
    }
  }

  concurrency(all: readonly ConcurrencyRecord[]): void {
    if (all.length > limits.MAX_CONCURRENCY) {
      this.add("concurrency", `${all.length} limits, at most ${limits.MAX_CONCURRENCY} are allowed`);
    }
    for (const one of all) {
      this.atLeastOne("concurrency.limit", one.limit);
      this.text("concurrency.key", one.key);
      this.oneOf("concurrency.scope", one.scope, ["fn", "env", "account"]);
      this.oneOf("concurrency.per", one.per, ["step", "run"]);
      if ((one.scope === "env" || one.scope === "account") && one.key === undefined) {
        this.add(
          "concurrency.key",
          `the scope \`${one.scope}\` needs a key, which says who shares the limit, for example \`"'billing-api'"\``,
        );
      }
    }
  }

  pace({ throttle, rateLimit }: FunctionConfig): void {
    if (throttle) {
      this.atLeastOne("throttle.limit", throttle.limit);
      this.within("throttle.period", throttle.period, limits.THROTTLE_PERIOD);
      this.text("throttle.key", throttle.key);
    }
    if (rateLimit) {
      this.atLeastOne("rateLimit.limit", rateLimit.limit);
      this.within("rateLimit.period", rateLimit.period, limits.RATE_LIMIT_PERIOD);
      this.text("rateLimit.key", rateLimit.key);
    }
  }

  merge(config: FunctionConfig): void {
    const { debounce, batchEvents } = config;
    if (debounce) {
      this.within("debounce.period", debounce.period, limits.DEBOUNCE_PERIOD);
      this.text("debounce.key", debounce.key);
      if (debounce.timeout !== undefined && debounce.timeout < debounce.period) {
        this.add("debounce.timeout", "must be at least the period");
      }
    }
    if (batchEvents) {
      const { least, greatest } = limits.BATCH_SIZE;
      if (batchEvents.maxSize < least || batchEvents.maxSize > greatest) {
        this.add("batchEvents.maxSize", `must be ${least} to ${greatest}, not ${batchEvents.maxSize}`);
      }
      this.within("batchEvents.timeout", batchEvents.timeout, limits.BATCH_TIMEOUT);
      this.text("batchEvents.key", batchEvents.key);
      this.text("batchEvents.if", batchEvents.if);
      this.besideBatch(config);
    }
  }

  besideBatch(config: FunctionConfig): void {
    const given: Record<string, boolean> = {
      cancelOn: config.cancelOn.length > 0,
      debounce: config.debounce !== undefined,
      singleton: config.singleton !== undefined,
      priority: config.priority !== undefined,
      idempotency: config.idempotency !== undefined,
      rateLimit: config.rateLimit !== undefined,
    };
    for (const [option, isGiven] of Object.entries(given)) {
      if (isGiven) {
        this.add("batchEvents", `cannot be combined with \`${option}\`, which is about single events`);
      }
    }
  }

  cancelOn(all: readonly CancelOnRecord[]): void {
    if (all.length > limits.MAX_CANCEL_ON) {
      this.add("cancelOn", `${all.length} events, at most ${limits.MAX_CANCEL_ON} are allowed`);
    }
    for (const one of all) {
      this.eventName("cancelOn.event", one.event, false);
      this.text("cancelOn.if", one.if);
      if (one.match !== undefined) {
        this.path("cancelOn.match", one.match);
      }
      this.within("cancelOn.timeout", one.timeout, limits.ANY_TIME);
      if ([one.if !== undefined, one.match !== undefined, one.all].filter(Boolean).length !== 1) {
        this.add(
          "cancelOn",
          `\`${one.event}\` needs exactly one of \`match\`, \`if\` and \`all\`, to say which runs it cancels`,
        );
      }
    }
  }

  timeouts(timeouts: FunctionConfig["timeouts"]): void {
    if (timeouts && timeouts.start === undefined && timeouts.finish === undefined) {
      this.add("timeouts", "`start`, `finish` or both must be given");
    }
    this.within("timeouts.start", timeouts?.start, limits.ANY_TIME);
    this.within("timeouts.finish", timeouts?.finish, limits.ANY_TIME);
  }

  eventName(option: string, name: string, patterns: boolean): void {
    if (name === "" || [...name].length > limits.MAX_EVENT_NAME) {
      this.add(option, `the name of an event has 1 to ${limits.MAX_EVENT_NAME} characters`);
    } else if (!patterns && name.includes("*")) {
      this.add(option, `\`${name}\` must be the exact name of an event, without \`*\``);
    } else if (name.replace(/[/.]\*$/, "").includes("*")) {
      this.add(option, `\`${name}\`: \`*\` can only be the last part of a pattern: \`order/*\` or \`order/paid.*\``);
    }
  }

  path(option: string, path: string): void {
    if (/^(event|async)\./.test(path) || path.split(".").includes("")) {
      this.add(option, `\`${path}\` must be names between dots, inside the event: \`data.orderId\``);
    }
  }

  text(option: string, text: string | undefined): void {
    if (text !== undefined && (typeof text !== "string" || text.trim() === "")) {
      this.add(option, "the expression is empty");
    }
  }

  atLeastOne(option: string, number: number): void {
    if (number === 0) {
      this.add(option, "must be at least 1; to stop a function for a while, pause it");
    }
  }

  oneOf(option: string, value: unknown, allowed: readonly string[]): void {
    if (value !== undefined && !allowed.includes(value as string)) {
      this.add(option, `must be ${allowed.map((it) => `\`${it}\``).join(", ")}, not \`${String(value)}\``);
    }
  }

  within(option: string, ms: bigint | undefined, bounds: limits.Bounds): void {
    if (ms !== undefined && (ms < bounds.least || ms > bounds.greatest)) {
      this.add(option, `must be ${bounds.words}`);
    }
  }
}
