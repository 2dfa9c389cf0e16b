/**
 * What code can ask of its surroundings: the engine, the run, and the attempt at a body. One instance runs one workflow, so each is a single value.
 */

import type { Engine } from "./engine.ts";
import { currentExecution } from "./mode.ts";
import type { Run } from "./step.ts";

let engine: Engine | undefined;
let run: { run: Run; fn: object; ctx: object } | undefined;

export function setEngine(it: Engine): void {
  engine = it;
}

/** The engine; none in a test. */
export function currentEngine(): Engine | undefined {
  return engine;
}

export function setRun(it: { run: Run; fn: object; ctx: object } | undefined): void {
  run = it;
}

/** The run that this instance is about; none while the app loads. */
export function currentRun(): { run: Run; fn: object; ctx: object } | undefined {
  return run;
}

/** One attempt at a step's body. */
export interface Execution {
  /** Which attempt it is, from 0. */
  readonly attempt: number;
  /** How many there can be altogether. */
  readonly maxAttempts: number;
  /** Whether the step fails for good if this attempt does. */
  readonly isLast: boolean;
  /** Differs for every attempt. */
  readonly idempotencyKey: string;
  /** The same for every attempt at this step of this run: hand it to services that deduplicate. */
  readonly stepKey: string;
}

/**
 * The attempt that is executing. In the body of a step only.
 *
 * ```ts
 * await step.run("charge", () => charge(order, { idempotencyKey: execution().stepKey }));
 * ```
 */
export function execution(): Execution {
  const it = currentExecution();
  if (!it) {
    throw new Error("execution() tells about the body of a step: call it inside step.run");
  }
  const { attempt, maxAttempts, idempotencyKey, stepKey } = it;
  return { attempt, maxAttempts, isLast: attempt + 1 >= maxAttempts, idempotencyKey, stepKey };
}
