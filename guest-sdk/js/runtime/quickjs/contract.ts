/**
 * The contract as the SDK expects it, whose form is StarlingMonkey's: an absent `option` is `undefined` and a `u64` a `bigint`. QuickJS has `null` and
 * a number in their places.
 */

type Values = Record<string, unknown>;

/** To the host: numbers for `bigint`s, however deep. */
function lower(value: unknown): unknown {
  if (typeof value === "bigint") {
    return Number(value);
  }
  if (Array.isArray(value)) {
    return value.map(lower);
  }
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, lower(field)]));
}

/** From the host: `undefined` for `null`, however deep. */
function lift(value: unknown): unknown {
  if (value === null) {
    return undefined;
  }
  if (Array.isArray(value)) {
    return value.map(lift);
  }
  if (typeof value !== "object" || ArrayBuffer.isView(value)) {
    return value;
  }
  return Object.fromEntries(Object.entries(value as object).map(([name, field]) => [name, lift(field)]));
}

const event = (value: unknown): unknown => ({ ...(lift(value) as Values), ts: BigInt((value as { ts: number }).ts) });

function news(value: { tag: string; val?: unknown }): unknown {
  const lifted = lift(value) as { tag: string; val?: Values & { retry?: { tag: string; val?: unknown } } };
  const retry = lifted.tag === "failed" ? lifted.val?.retry : undefined;
  if (retry?.val !== undefined) {
    retry.val = BigInt(retry.val as number);
  }
  return lifted;
}

interface Logging {
  log(level: unknown, message: string): void;
}

interface Operations {
  start(id: string, operation: unknown): number;
  next(): [number, { tag: string; val?: unknown }];
  finish(ticket: number, outcome: unknown): void;
  cancel(ticket: number): void;
}

interface Functions {
  describe(): unknown;
  eventSchemas(): unknown;
  run(context: unknown): unknown;
}

/** Whether the host calls: before that, modules are loaded while the app is built, and there is no host. */
let called = false;

/** The imports, for the SDK. Nobody reads what modules log while they are loaded. */
export function loggingFor(logging: Logging): Logging {
  return {
    log: (level, message) => {
      if (called) {
        logging.log(level, message);
      }
    },
  };
}

/** The imports, for the SDK. */
export function operationsFor(operations: Operations): Operations {
  return {
    start: (id, operation) => operations.start(id, lower(operation)),
    next: () => {
      const [ticket, value] = operations.next();
      return [ticket, news(value) as { tag: string }];
    },
    finish: (ticket, outcome) => operations.finish(ticket, lower(outcome)),
    cancel: (ticket) => operations.cancel(ticket),
  };
}

/** The exports, for the host. */
export function functionsFor(functions: Functions): Functions {
  return {
    describe: () => {
      called = true;
      return lower(functions.describe());
    },
    eventSchemas: () => lower(functions.eventSchemas()),
    run: (context) => {
      called = true;
      const { event: first, events, ...rest } = context as { event: unknown; events: unknown[] };
      try {
        return functions.run({ ...rest, event: event(first), events: events.map(event) });
      } catch (failure) {
        // What is no record of the contract is an error of the SDK or of the engine, and says so itself.
        throw failure instanceof Error ? failure : lower(failure);
      }
    },
  };
}
