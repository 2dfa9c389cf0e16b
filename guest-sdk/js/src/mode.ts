/**
 * Which kind of code is running: the app while it loads, a workflow, or the body of a step.
 *
 * It is a property of the whole instance, because an instance runs one workflow, executes one body at a time, and runs no workflow code meanwhile.
 */

import type { ExecutionRecord } from "./contract.ts";

export type Mode = "loading" | "workflow" | "body";

let mode: Mode = "loading";
let described = false;
let execution: ExecutionRecord | undefined;

/** What is running now. */
export function currentMode(): Mode {
  return mode;
}

/** The attempt at the body that is executing. */
export function currentExecution(): ExecutionRecord | undefined {
  return execution;
}

/** The same in the words of the engine's module: `snapshot` while the component is being made, `describe` in a deploy. */
export function currentPhase(): "snapshot" | "describe" | "workflow" | "body" {
  return mode === "loading" ? (described ? "describe" : "snapshot") : mode;
}

/** From now on, the app is being described. */
export function enterDescribe(): void {
  described = true;
}

/** From now on, what runs is a workflow. */
export function enterWorkflow(): void {
  mode = "workflow";
}

/** Of a test: what runs now is neither. */
export function leaveWorkflow(): void {
  mode = "loading";
}

/** Runs a body as such. Whatever it leaves behind when it ends runs as workflow code, which may do less. */
export async function inBody<T>(attempt: ExecutionRecord, body: () => Promise<T>): Promise<T> {
  mode = "body";
  execution = attempt;
  try {
    return await body();
  } finally {
    leaveBody();
  }
}

/** From now on, no body executes: it has ended, or was given up. */
export function leaveBody(): void {
  mode = "workflow";
  execution = undefined;
}
