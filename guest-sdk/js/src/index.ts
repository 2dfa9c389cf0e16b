/**
 * `@abide/sdk`: durable functions in TypeScript, in the shape of Inngest's SDK. README.md is the tutorial.
 */

export { Inngest, Inngest as Abide } from "./client.ts";
export type { ClientOptions, Context, GetEvents, GetFunctionInput, GetStepTools } from "./client.ts";
export { EventSchemas } from "./events.ts";
export type {
  EventPayload,
  EventTypes,
  FailureEventArgs,
  FailureEventPayload,
  FinishedEventPayload,
  InternalEvents,
  JsonError,
  ReceivedEvent,
  ScheduledTimerEventPayload,
  SendPayload,
} from "./events.ts";
export { internalEvents } from "./events.ts";
export { EventType, cron, eventType, invoke, staticSchema } from "./triggers.ts";
export type { Catchup, CronTrigger, EventTrigger, Trigger } from "./triggers.ts";
export { FunctionReference, InngestFunction, referenceFunction } from "./function.ts";
export type { GetFunctionOutput, InvokeData, InvokeResult } from "./function.ts";
export { FunctionReference as InngestFunctionReference } from "./function.ts";
export { NonRetriableError, RetryAfterError, StepError } from "./errors.ts";
export { HttpStatusError, ensureOk } from "./http.ts";
export { InngestMiddleware, Middleware, dependencyInjectionMiddleware } from "./middleware.ts";
export type { AnyMiddleware, MiddlewareOptions } from "./middleware.ts";
export { serve } from "./serve.ts";
export type { App } from "./serve.ts";
export { execution } from "./inside.ts";
export type { Execution } from "./inside.ts";
export { fetch, group, step } from "./ambient.ts";
export { durationToMs } from "./duration.ts";
export type { DurationInput, DurationLike, InstantLike, TimeInput, ZonedDateTimeLike } from "./duration.ts";
export { NotInWorkflowError } from "./globals.ts";
export type { GroupTools, ParallelOptions } from "./group.ts";
export { anthropic, deepseek, gemini, grok, models, openai } from "./ai.ts";
export type { Model, ModelInput, ModelOptions, ModelOutput } from "./ai.ts";
export type { Logger } from "./logger.ts";
export { span } from "./span.ts";
export type { Span, SpanAttributes } from "./span.ts";
export type {
  BackoffOptions,
  CancelOnOptions,
  ConcurrencyOptions,
  FailureOptions,
  FlowControl,
  FunctionOptions,
} from "./options.ts";
export type {
  SendSignalOptions,
  StepFetch,
  StepOptions,
  StepOptionsOrId,
  StepTools,
  WaitForSignalOptions,
  WaitOptions,
} from "./step-types.ts";
export type { InferInput, InferOutput, StandardSchemaV1 } from "./standard-schema.ts";
export type { Jsonify } from "./types.ts";
