/**
 * What the scenarios share: the client, and the short form of a function that has one trigger and no retries.
 */

import {
  EventSchemas,
  type FlowControl,
  type GetFunctionInput,
  Inngest,
  type InngestFunction,
  type StepError,
  execution,
} from "@abide/sdk";

const schemas = new EventSchemas()
  .withJsonSchema("conformance/shaped", {
    type: "object",
    required: ["n"],
    properties: { n: { type: "integer" } },
  })
  .withJsonSchema("conformance/shaped", { type: "object" }, { version: "2" });

export const app = new Inngest({ id: "conformance", schemas });

type Input = GetFunctionInput<typeof app>;

/** The functions, in the order in which they are described. */
export const functions: InngestFunction<any, any>[] = [];

/** A scenario with the trigger `conformance/ID`. */
export function scenario(id: string, handler: (ctx: Input) => unknown, options: FlowControl = {}): void {
  functions.push(app.createFunction({ retries: 0, ...options, id }, { event: `conformance/${id}` }, handler));
}

/** A function that runs only when another invokes it. */
export function callee(id: string, handler: (ctx: Input) => unknown): void {
  functions.push(app.createFunction({ retries: 0, id }, handler));
}

/** *Retries 2* of the scenarios. */
export const RETRIES_2: FlowControl = { retries: 2, backoff: { kind: "constant", base: "1s" } };

/** The attempt at the body that executes. */
export const attempt = (): number => execution().attempt;

/** The error of an operation that must fail. */
export async function errorOf(operation: Promise<unknown>): Promise<StepError> {
  try {
    await operation;
  } catch (error) {
    return error as StepError;
  }
  throw new Error("the operation should have failed");
}

/** What an error looks like to the workflow that caught it. */
export function caught({ name, message, data }: StepError): object {
  return { name, message, data: data ?? null };
}

/** Sleeping in a body. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** An error of this class with data. */
export function withData<E extends Error>(error: E, data: unknown): E {
  return Object.assign(error, { data });
}
