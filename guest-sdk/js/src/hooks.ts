/**
 * Middleware at work: the hooks of one run, whichever of the two forms their authors wrote them in.
 *
 * A run calls the hooks through {@link RunHooks}. Those around the handler run as workflow code, again on every replay, and so must be deterministic; those around a body
 * run with the body, where clock, randomness and network are real.
 */

import type { StepOptions } from "./step-types.ts";
import type { EventPayload } from "./events.ts";

/** What kind of step it is. */
export type StepType =
  | "run"
  | "sleep"
  | "sleepUntil"
  | "waitForEvent"
  | "waitForSignal"
  | "sendEvent"
  | "sendSignal"
  | "invoke"
  | "fetch"
  | "ai.infer"
  | "ai.wrap";

/** A step that is about to be started. A middleware may change its options and its arguments. */
export interface StepCall {
  readonly type: StepType;
  readonly options: StepOptions;
  readonly input: readonly unknown[];
}

/** What a hook is told of a step. */
export interface StepInfo {
  /** Hex SHA-1 of the step's id, as the API shows it. */
  readonly hashedId: string;
  /** The arguments of the step. */
  readonly input: unknown[];
  /** Always false: whether a result was recorded before is something that workflow code cannot learn. */
  readonly memoized: false;
  readonly options: StepOptions;
  readonly stepType: StepType;
}

/** What a run asks of its middleware. */
export interface RunHooks {
  /** Whether steps have to wait for a middleware before they start. Without one they start while `step.run` is being called. */
  readonly delaysSteps: boolean;
  transformStep(call: StepCall, info: StepInfo): Promise<StepCall>;
  wrapStep(info: StepInfo, next: () => Promise<unknown>): Promise<unknown>;
  /** Around a body, with it in its instance. */
  body(info: StepInfo, next: () => Promise<unknown>, isFinalAttempt: boolean): Promise<unknown>;
  /** Around the sending of events. */
  send(events: EventPayload[], next: (events: EventPayload[]) => Promise<{ ids: string[] }>): Promise<{ ids: string[] }>;
}

/** Without middleware. */
export const noHooks: RunHooks = {
  delaysSteps: false,
  transformStep: async (call) => call,
  wrapStep: (_info, next) => next(),
  body: (_info, next) => next(),
  send: (events, next) => next(events),
};
