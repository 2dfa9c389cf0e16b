/**
 * What the SDK asks of the host, as tests compare it: plain JSON values in which what was not given is left out, and lengths of time are milliseconds.
 */

import type { Operation } from "../contract.ts";

/** A value without what was not given, and with ordinary numbers. */
export function plain(value: unknown): any {
  if (typeof value === "bigint") {
    return Number(value);
  }
  if (value instanceof Uint8Array) {
    return new TextDecoder().decode(value);
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return Object.fromEntries(members.map(([name, member]) => [name, plain(member)]));
  }
  return value;
}

/** An operation: its kind and its options. */
export function operationView(operation: Operation): any {
  const { tag: kind, val } = operation;
  switch (kind) {
    case "sleep":
      return { kind, ms: Number(val) };
    case "sleep-until":
      return { kind, time: Number(val) };
    case "send-events":
      return { kind, events: val.map((event) => plain(withJson(event, "data", "user"))) };
    case "run":
      return { kind, ...plain(withJson(val, "input")) };
    case "send-signal":
    case "invoke":
      return { kind, ...plain(withJson(val, "data")) };
    case "ai-infer":
      return { kind, ...plain(withJson(val, "body")) };
    case "fetch":
    case "wait-for-event":
    case "wait-for-signal":
      return { kind, ...plain(val) };
  }
}

function withJson<T extends object>(record: T, ...members: (keyof T)[]): object {
  const changed = { ...record } as Record<PropertyKey, unknown>;
  for (const member of members) {
    const text = record[member] as string | undefined;
    changed[member] = text === undefined ? undefined : JSON.parse(text);
  }
  return changed;
}

/** A configuration, or whatever else the contract describes. */
export function configView(config: object): any {
  const members = Object.entries(plain(config)).filter(([, member]) => !(Array.isArray(member) && member.length === 0));
  return Object.fromEntries(members.map(([name, member]) => [name, name === "triggers" ? triggersView(member) : member]));
}

function triggersView(triggers: any): any[] {
  return triggers.map(({ tag, val }: { tag: string; val: any }) => {
    switch (tag) {
      case "event":
        return val;
      case "cron": {
        const { schedule, ...rest } = val;
        return { cron: schedule, ...rest };
      }
      default:
        return { failureOf: val };
    }
  });
}

