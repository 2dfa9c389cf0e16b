/**
 * `step`, `group` and `fetch` without a context: of the run that this instance is about. For code that is far from the handler.
 */

import { stepTools } from "./operations.ts";
import { groupTools, type GroupTools } from "./group.ts";
import { currentRun } from "./inside.ts";
import { currentMode } from "./mode.ts";
import type { StepTools } from "./step-types.ts";
import type { Run } from "./step.ts";

function here(what: string): Run {
  const inside = currentRun();
  if (!inside) {
    throw new Error(`${what} works inside a function: no run is under way`);
  }
  return inside.run;
}

/** The tools of the run. */
export const step: StepTools = new Proxy({} as StepTools, {
  get: (_, name) => stepTools(here("step"))[name as keyof StepTools],
});

/** The tools of the run. */
export const group: GroupTools = new Proxy({} as GroupTools, {
  get: (_, name) => groupTools(here("group"))[name as keyof GroupTools],
});

/**
 * A `fetch` for libraries that take one: durable in workflow code (`step.fetch`), the ordinary one in the body of a step.
 *
 * ```ts
 * const api = new Client({ fetch });
 * ```
 */
export const fetch: typeof globalThis.fetch = (input, init) =>
  currentMode() === "workflow" && currentRun()
    ? step.fetch(input as string | URL | Request, init)
    : globalThis.fetch(input, init);
