/**
 * Which kind of code is running: the app while it loads, a workflow, or the body of a step.
 *
 * It is a property of the whole instance, because an instance runs one workflow, executes one body at a time, and runs no workflow code meanwhile.
 */

import type { ExecutionRecord } from "./contract.ts";

export type Mode = "loading" | "workflow" | "body";

let mode: Mode = "loading";
let execution: ExecutionRecord | undefined;

/** What is running now. */
export function currentMode(): Mode {
  return mode;
}

/** The attempt at the body that is executing. */
export function currentExecution(): ExecutionRecord | undefined {
  return execution;
}

/** From now on, what runs is a workflow. */
export function enterWorkflow(): void {
  mode = "workflow";
}

/** Runs a body as such. Whatever it leaves behind when it ends runs as workflow code, which may do less. */
export async function inBody<T>(attempt: ExecutionRecord, body: () => Promise<T>): Promise<T> {
  mode = "body";
  execution = attempt;
  try {
    return await body();
  } finally {
    mode = "workflow";
    execution = undefined;
  }
}
