/**
 * What workflow code sees while a test lets it go on: a clock that stands still, and no timers or network, as on the host. Outside of that the globals are Node's own.
 */

import { NotInWorkflowError, workflowRemedies } from "../globals.ts";
import { enterWorkflow, leaveWorkflow } from "../mode.ts";

const RealDate = Date;

/** Runs all code that can go on, at this time, as workflow code. */
export async function drainAt(now: number): Promise<void> {
  const globals = globalThis as unknown as Record<string, unknown>;
  const kept = new Map<string, unknown>();
  const replace = (name: string, value: unknown) => {
    kept.set(name, globals[name]);
    globals[name] = value;
  };
  for (const [name, message] of Object.entries(workflowRemedies)) {
    replace(name, () => {
      const problem = new NotInWorkflowError(message);
      if (name === "fetch") {
        return Promise.reject(problem);
      }
      throw problem;
    });
  }
  replace("Date", standingDate(now));
  enterWorkflow();
  try {
    await allJobs();
  } finally {
    leaveWorkflow();
    for (const [name, value] of kept) {
      globals[name] = value;
    }
  }
}

/** Settles when no promise job is ready. */
function allJobs(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

function standingDate(now: number): typeof Date {
  return class extends RealDate {
    constructor(...args: unknown[]) {
      super(...((args.length === 0 ? [now] : args) as [number]));
    }
    static override now(): number {
      return now;
    }
  } as typeof Date;
}
