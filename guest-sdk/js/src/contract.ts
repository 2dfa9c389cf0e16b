/**
 * The contract with the host as TypeScript sees it: the records of `wit/types.wit` in the form that the component tools give them.
 *
 * A record is an object with camelCase members, an absent option is `undefined`, a variant is `{ tag, val }`, a 64-bit number is a `bigint`.
 * Nothing here has behaviour.
 */

export interface EventRecord {
  id: string;
  name: string;
  data: string;
  user: string | undefined;
  ts: bigint;
  v: string | undefined;
}

export interface NewEventRecord {
  id: string | undefined;
  name: string;
  data: string | undefined;
  user: string | undefined;
  ts: bigint | undefined;
  v: string | undefined;
}

export type RetryAdvice =
  | { tag: "retriable" }
  | { tag: "non-retriable" }
  | { tag: "retry-after"; val: bigint }
  | { tag: "retry-at"; val: bigint };

export interface Failure {
  name: string;
  message: string;
  stack: string | undefined;
  data: string | undefined;
  retry: RetryAdvice;
}

export interface BackoffRecord {
  kind: "exponential" | "linear" | "constant";
  base: bigint;
  factor: number | undefined;
  max: bigint | undefined;
  jitter: bigint | undefined;
}

export interface RunOptions {
  retries: number | undefined;
  timeout: bigint | undefined;
  backoff: BackoffRecord | undefined;
  input: string | undefined;
}

export interface WaitForEventRecord {
  event: string;
  timeout: bigint;
  if: string | undefined;
  match: string | undefined;
  lookback: bigint | undefined;
}

export interface WaitForSignalRecord {
  signal: string;
  timeout: bigint;
  onConflict: "fail" | "replace" | undefined;
}

export interface SendSignalRecord {
  signal: string;
  data: string | undefined;
  ttl: bigint | undefined;
}

export interface InvokeRecord {
  function: string;
  data: string | undefined;
  timeout: bigint | undefined;
}

export interface FetchRecord {
  method: string;
  url: string;
  headers: [string, string][];
  body: Uint8Array | undefined;
  timeout: bigint | undefined;
  retries: number | undefined;
  backoff: BackoffRecord | undefined;
}

export interface AiInferRecord {
  format: "openai-chat" | "anthropic" | "gemini";
  model: string;
  url: string | undefined;
  keyVariable: string | undefined;
  body: string;
  timeout: bigint | undefined;
  retries: number | undefined;
}

export type Operation =
  | { tag: "run"; val: RunOptions }
  | { tag: "sleep"; val: bigint }
  | { tag: "sleep-until"; val: bigint }
  | { tag: "wait-for-event"; val: WaitForEventRecord }
  | { tag: "wait-for-signal"; val: WaitForSignalRecord }
  | { tag: "send-events"; val: NewEventRecord[] }
  | { tag: "send-signal"; val: SendSignalRecord }
  | { tag: "invoke"; val: InvokeRecord }
  | { tag: "fetch"; val: FetchRecord }
  | { tag: "ai-infer"; val: AiInferRecord };

export interface ExecutionRecord {
  attempt: number;
  maxAttempts: number;
  idempotencyKey: string;
  stepKey: string;
  input: string | undefined;
}

export type News =
  | { tag: "done"; val: string }
  | { tag: "failed"; val: Failure }
  | { tag: "empty" }
  | { tag: "execute"; val: ExecutionRecord };

export type BodyOutcome = { tag: "ok"; val: string } | { tag: "err"; val: Failure };

export type TriggerRecord =
  | { tag: "event"; val: { event: string; if: string | undefined } }
  | {
      tag: "cron";
      val: { schedule: string; jitter: bigint | undefined; catchup: "none" | "last" | "all" | undefined };
    }
  | { tag: "failure-of"; val: string };

export interface ConcurrencyRecord {
  limit: number;
  key: string | undefined;
  scope: "fn" | "env" | "account" | undefined;
  per: "step" | "run" | undefined;
}

export interface CancelOnRecord {
  event: string;
  if: string | undefined;
  match: string | undefined;
  all: boolean;
  timeout: bigint | undefined;
}

export interface FunctionConfig {
  id: string;
  name: string | undefined;
  triggers: TriggerRecord[];
  retries: number | undefined;
  backoff: BackoffRecord | undefined;
  concurrency: ConcurrencyRecord[];
  throttle: { limit: number; period: bigint; burst: number | undefined; key: string | undefined } | undefined;
  rateLimit: { limit: number; period: bigint; key: string | undefined } | undefined;
  debounce: { period: bigint; key: string | undefined; timeout: bigint | undefined } | undefined;
  batchEvents: { maxSize: number; timeout: bigint; key: string | undefined; if: string | undefined } | undefined;
  priority: string | undefined;
  idempotency: string | undefined;
  singleton: { key: string | undefined; mode: "skip" | "cancel" } | undefined;
  cancelOn: CancelOnRecord[];
  timeouts: { start: bigint | undefined; finish: bigint | undefined } | undefined;
  retention: bigint | undefined;
}

export interface EventSchemaRecord {
  event: string;
  v: string | undefined;
  schema: string;
}

export interface RunContext {
  appId: string;
  functionId: string;
  runId: string;
  attempt: number;
  maxAttempts: number;
  event: EventRecord;
  events: EventRecord[];
}

export type Level = "trace" | "debug" | "info" | "warn" | "error";

/** The interface `operations`, imported from the host. */
export interface Operations {
  start(id: string, operation: Operation): number;
  next(): [number, News];
  finish(ticket: number, outcome: BodyOutcome): void;
  cancel(ticket: number): void;
}

/** The interface `logging`, imported from the host. */
export interface Logging {
  log(level: Level, message: string): void;
}

/** The interface `functions`, exported to the host. */
export interface Functions {
  describe(): FunctionConfig[];
  eventSchemas(): EventSchemaRecord[];
  run(context: RunContext): string | Promise<string>;
}
