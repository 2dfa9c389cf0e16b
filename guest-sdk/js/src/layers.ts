/**
 * Middleware at work: both forms become layers of one shape, and the layers of a run become its {@link RunHooks}. The first middleware is the outermost.
 */

import { toFailure } from "./errors.ts";
import type { EventPayload } from "./events.ts";
import type { InngestFunction } from "./function.ts";
import { type RunHooks, type StepCall, type StepInfo, noHooks } from "./hooks.ts";
import {
  type AnyMiddleware,
  type FunctionRunHooks,
  InngestMiddleware,
  type Middleware,
  type MiddlewareContext,
  type MiddlewareInstance,
  type MiddlewareResult,
} from "./middleware.ts";
import type { MaybePromise } from "./types.ts";

type Fn = InngestFunction<any, any>;
type Sent = { ids: string[] };

/** One middleware in one run. */
interface Layer {
  /** Members for the context, or the context itself. */
  input?(ctx: MiddlewareContext): MaybePromise<MiddlewareContext>;
  /** After all inputs, before the handler. */
  start?(ctx: MiddlewareContext): MaybePromise<void>;
  handler?(ctx: MiddlewareContext, next: () => Promise<unknown>): Promise<unknown>;
  transformStep?(call: StepCall, info: StepInfo): MaybePromise<StepCall>;
  wrapStep?(info: StepInfo, next: () => Promise<unknown>): Promise<unknown>;
  body?(info: StepInfo, next: () => Promise<unknown>, isFinalAttempt: boolean): Promise<unknown>;
  send?(events: EventPayload[], next: (events: EventPayload[]) => Promise<Sent>): Promise<Sent>;
}

/** A run with its middleware. */
export interface Layered {
  readonly hooks: RunHooks;
  /** Runs the handler inside the layers. */
  around(ctx: MiddlewareContext, handler: (ctx: MiddlewareContext) => MaybePromise<unknown>): Promise<unknown>;
}

/** The layers of one run of a function. */
export async function layersOf(
  middleware: readonly AnyMiddleware[],
  client: object,
  fn: Fn,
  ctx: MiddlewareContext,
): Promise<Layered> {
  const layers: Layer[] = [];
  for (const one of middleware) {
    layers.push(
      one instanceof InngestMiddleware ? await objectLayer(one, client, fn, ctx) : classLayer(new one({ client }), fn, ctx),
    );
  }
  return { hooks: hooksOf(layers), around: (context, handler) => around(layers, context, handler) };
}

/** What middleware does to events that are sent outside of a run. */
export async function sendThrough(
  middleware: readonly AnyMiddleware[],
  client: object,
  events: EventPayload[],
  send: (events: EventPayload[]) => Promise<Sent>,
): Promise<Sent> {
  const layers: Layer[] = [];
  for (const one of middleware) {
    layers.push(
      one instanceof InngestMiddleware
        ? await sendLayer(one, client, undefined)
        : classSendLayer(new one({ client }), null),
    );
  }
  return hooksOf(layers).send(events, send);
}

async function around(
  layers: readonly Layer[],
  given: MiddlewareContext,
  handler: (ctx: MiddlewareContext) => MaybePromise<unknown>,
): Promise<unknown> {
  let ctx = given;
  for (const layer of layers) {
    ctx = (await layer.input?.(ctx)) ?? ctx;
  }
  for (const layer of layers) {
    await layer.start?.(ctx);
  }
  const whole = layers.reduceRight<() => Promise<unknown>>(
    (next, layer) => (layer.handler ? () => layer.handler!(ctx, next) : next),
    async () => handler(ctx),
  );
  return whole();
}

function hooksOf(layers: readonly Layer[]): RunHooks {
  if (layers.length === 0) {
    return noHooks;
  }
  const onion = <T>(next: () => Promise<T>, wrap: (layer: Layer, next: () => Promise<T>) => Promise<T> | undefined) =>
    layers.reduceRight((inner, layer) => () => wrap(layer, inner) ?? inner(), next)();
  return {
    delaysSteps: layers.some((layer) => layer.transformStep !== undefined || layer.wrapStep !== undefined),
    async transformStep(call, info) {
      let changed = call;
      for (const layer of layers) {
        changed = (await layer.transformStep?.(changed, info)) ?? changed;
      }
      return changed;
    },
    wrapStep: (info, next) => onion(next, (layer, inner) => layer.wrapStep?.(info, inner)),
    body: (info, next, isFinal) => onion(next, (layer, inner) => layer.body?.(info, inner, isFinal)),
    send: (events, next) =>
      layers.reduceRight<(events: EventPayload[]) => Promise<Sent>>(
        (inner, layer) => (layer.send ? (changed) => layer.send!(changed, inner) : inner),
        next,
      )(events),
  };
}

/** A middleware of the object form. */
async function objectLayer(
  middleware: InngestMiddleware,
  client: object,
  fn: Fn,
  { event, runId }: MiddlewareContext,
): Promise<Layer> {
  const hooks = await middleware.init({ client, fn });
  const run: FunctionRunHooks = (await hooks.onFunctionRun?.({ ctx: { event, runId }, fn, steps: [], reqArgs: [] })) ?? {};
  const transform = async (result: MiddlewareResult, step?: StepInfo) => {
    const of = step && { name: step.options.id, displayName: step.options.id, op: step.stepType };
    const changed = await run.transformOutput?.(of ? { result, step: of } : { result });
    return { ...result, ...changed?.result };
  };
  return {
    ...(await sendLayer(middleware, client, fn, hooks)),
    async input(ctx) {
      const added = await run.transformInput?.({ ctx, fn, steps: [], reqArgs: [] });
      return { ...ctx, ...added?.ctx };
    },
    async start() {
      await run.beforeMemoization?.();
      await run.afterMemoization?.();
    },
    async handler(_ctx, next) {
      const result = await transform(await outcomeOf(next));
      await run.finished?.({ result });
      await run.beforeResponse?.();
      return valueOf(result);
    },
    async body(info, next) {
      await run.beforeExecution?.();
      const outcome = await outcomeOf(next);
      await run.afterExecution?.();
      const result = await transform(outcome, info);
      await run.beforeResponse?.();
      return valueOf(result);
    },
  };
}

async function outcomeOf(next: () => Promise<unknown>): Promise<MiddlewareResult> {
  try {
    return { data: await next() };
  } catch (error) {
    return { error };
  }
}

function valueOf(result: MiddlewareResult): unknown {
  if (result.error !== undefined && result.error !== null) {
    throw result.error;
  }
  return result.data;
}

async function sendLayer(middleware: InngestMiddleware, client: object, fn?: Fn, made?: object): Promise<Layer> {
  const hooks = (made ?? (await middleware.init(fn ? { client, fn } : { client }))) as Awaited<ReturnType<InngestMiddleware["init"]>>;
  if (!hooks.onSendEvent) {
    return {};
  }
  const sending = hooks.onSendEvent;
  return {
    async send(events, next) {
      const { transformInput, transformOutput } = await sending();
      const payloads = (await transformInput?.({ payloads: events }))?.payloads ?? events;
      const result = await next(payloads);
      const changed = await transformOutput?.({ result });
      return { ...result, ...changed?.result };
    },
  };
}

/** A middleware of the class form. */
function classLayer(it: MiddlewareInstance, fn: Fn, first: MiddlewareContext): Layer {
  let ctx = first;
  const layer: Layer = {
    ...classSendLayer(it, fn),
    async input(given) {
      ctx = (await it.transformFunctionInput?.({ ctx: given, fn, steps: {} }))?.ctx ?? given;
      return ctx;
    },
    async start(given) {
      ctx = given;
      if (ctx.attempt === 0) {
        await it.onRunStart?.({ ctx, fn });
      }
      await it.onMemoizationEnd?.({ ctx, fn });
    },
    async handler(_ctx, next) {
      try {
        const output = await (it.wrapFunctionHandler ? it.wrapFunctionHandler({ ctx, fn, next }) : next());
        await it.onRunComplete?.({ ctx, fn, output });
        return output;
      } catch (thrown) {
        const isFinalAttempt = isFinal(thrown) || ctx.attempt + 1 >= ctx.maxAttempts;
        await it.onRunError?.({ ctx, fn, error: asError(thrown), isFinalAttempt });
        throw thrown;
      }
    },
    async body(stepInfo, next, isLast) {
      await it.onStepStart?.({ ctx, fn, stepInfo });
      try {
        const output = await (it.wrapStepHandler ? it.wrapStepHandler({ ctx, fn, stepInfo, next }) : next());
        await it.onStepComplete?.({ ctx, fn, stepInfo, output });
        return output;
      } catch (thrown) {
        const isFinalAttempt = isFinal(thrown) || isLast;
        await it.onStepError?.({ ctx, fn, stepInfo, error: asError(thrown), isFinalAttempt });
        throw thrown;
      }
    },
  };
  if (it.transformStepInput) {
    layer.transformStep = async (call, stepInfo) => {
      const args: Middleware.TransformStepInputArgs = { fn, stepInfo, stepOptions: call.options, input: [...call.input] };
      const changed = await it.transformStepInput!(args);
      return { ...call, options: changed.stepOptions, input: changed.input };
    };
  }
  if (it.wrapStep) {
    layer.wrapStep = (stepInfo, next) => it.wrapStep!({ ctx, fn, stepInfo, next });
  }
  return layer;
}

function classSendLayer(it: MiddlewareInstance, fn: Fn | null): Layer {
  if (!it.transformSendEvent && !it.wrapSendEvent) {
    return {};
  }
  return {
    async send(events, next) {
      const changed = (await it.transformSendEvent?.({ events, fn }))?.events ?? events;
      const send = () => next(changed);
      return it.wrapSendEvent ? it.wrapSendEvent({ events: changed, fn, next: send }) : send();
    },
  };
}

function isFinal(thrown: unknown): boolean {
  return toFailure(thrown).retry.tag === "non-retriable";
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
