/**
 * `group`: steps side by side in the form of Inngest 4.
 */

import type { Run } from "./step.ts";
import { recordStarts } from "./step.ts";

/** How the steps of a group relate. `race`: once the callback's promise is settled, those that go on are given up. */
export interface ParallelOptions {
  mode?: "race";
}

export interface GroupTools {
  /**
   * Runs a callback that starts steps side by side. When its promise is settled, the steps that it started before its first `await` and that still go on are given up: they are a
   * race's losers. `step.race` does the same for whole branches.
   */
  parallel<T>(callback: () => Promise<T>): Promise<T>;
  parallel<T>(options: ParallelOptions, callback: () => Promise<T>): Promise<T>;
}

/** The tools of a run. */
export function groupTools(run: Run): GroupTools {
  return {
    async parallel<T>(first: ParallelOptions | (() => Promise<T>), second?: () => Promise<T>): Promise<T> {
      const callback = typeof first === "function" ? first : second;
      if (typeof callback !== "function") {
        throw new TypeError("group.parallel needs a function that starts steps: group.parallel(() => Promise.race([…]))");
      }
      const { value, started } = recordStarts(run, callback);
      try {
        return await value;
      } finally {
        started.giveUp();
      }
    },
  };
}
