/**
 * One attempt at a workflow: the handler of a function with its context and its middleware, as a promise of JSON text.
 */

import type { EventRecord, RunContext } from "./contract.ts";
import { InvalidResult } from "./errors.ts";
import type { JsonError, ReceivedEvent } from "./events.ts";
import type { InngestFunction } from "./function.ts";
import { groupTools } from "./group.ts";
import { setRun } from "./inside.ts";
import { toJson } from "./json.ts";
import { layersOf } from "./layers.ts";
import { hostLogger } from "./logger.ts";
import type { AnyMiddleware, MiddlewareContext } from "./middleware.ts";
import { stepTools } from "./operations.ts";
import type { Scheduler } from "./scheduler.ts";
import { plainRun } from "./step.ts";

/** A function, or the handler of its failures. */
export interface Target {
  readonly fn: InngestFunction<any, any>;
  readonly ofFailure: boolean;
}

/** What a client brings to the runs of its functions. */
interface ClientParts {
  readonly logger?: unknown;
  readonly middleware?: readonly AnyMiddleware[];
}

/** The workflow of one attempt. */
export function workflowOf({ fn, ofFailure }: Target, context: RunContext, scheduler: Scheduler): () => Promise<string> {
  return async () => {
    const run = plainRun(scheduler, context.appId, context.runId);
    const client = fn.client as ClientParts;
    const event = received(context.event);
    const ctx: MiddlewareContext = {
      event,
      events: context.events.map(received),
      step: stepTools(run),
      group: groupTools(run),
      runId: context.runId,
      attempt: context.attempt,
      maxAttempts: context.maxAttempts,
      appId: context.appId,
      functionId: context.functionId,
      logger: client.logger ?? hostLogger,
      ...(ofFailure ? { error: errorOf(event) } : {}),
    };
    const handler = (ofFailure ? fn.failureHandler?.handler : undefined) ?? fn.handler;
    setRun({ run, fn, ctx });
    const middleware = [...(client.middleware ?? []), ...((fn.opts.middleware as AnyMiddleware[] | undefined) ?? [])];
    let output: unknown;
    if (middleware.length === 0) {
      output = await handler(ctx);
    } else {
      const layered = await layersOf(middleware, client, fn, ctx);
      run.hooks = layered.hooks;
      output = await layered.around(ctx, handler);
    }
    try {
      return toJson(output);
    } catch (error) {
      throw new InvalidResult(`the function's result: ${(error as Error).message}`);
    }
  };
}

/** An event as a handler gets it. */
export function received(event: EventRecord): ReceivedEvent {
  return {
    id: event.id,
    name: event.name,
    data: JSON.parse(event.data),
    ...(event.user === undefined ? {} : { user: JSON.parse(event.user) }),
    ts: Number(event.ts),
    ...(event.v === undefined ? {} : { v: event.v }),
  };
}

/** The error that a handler of failures is told of. */
function errorOf(event: ReceivedEvent<string, { error?: JsonError }>): Error {
  const told = event.data.error;
  const error = new Error(told?.message ?? "the run failed");
  error.name = told?.name ?? "Error";
  if (told?.stack) {
    error.stack = told.stack;
  }
  return error;
}
