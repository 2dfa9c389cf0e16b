/**
 * What the answer of a service means for trying again.
 */

import type { RetryAdvice } from "./contract.ts";
import { advise } from "./errors.ts";

/** A service answered with a status that is no success. */
export class HttpStatusError extends Error {
  override readonly name = "HttpStatus";
  readonly status: number;
  /** What the service said, if it was JSON. */
  readonly data: unknown;

  constructor(message: string, status: number, data: unknown) {
    super(message);
    this.status = status;
    this.data = data;
  }
}

/**
 * This response, if its status says success. Otherwise throws an error that says sensibly whether trying again may help: 429 and 503 when the `Retry-After` header says; 408, 425,
 * 429 and all from 500 on as the retry policy says; others not at all.
 *
 * ```ts
 * const order = await step.run("load", async () => (await ensureOk(await fetch(url))).json());
 * ```
 */
export async function ensureOk(response: Response): Promise<Response> {
  if (response.ok) {
    return response;
  }
  const { status } = response;
  const body = parsed(await response.text());
  const said = ["message", "error"].map((member) => body?.[member]).find((it) => typeof it === "string");
  const message = `the service answered ${status}${said === undefined ? "" : `: ${String(said)}`}`;
  const error = new HttpStatusError(message, status, body);
  advise(error, adviceFor(status, response.headers.get("retry-after")));
  throw error;
}

function adviceFor(status: number, pause: string | null): RetryAdvice {
  if ((status === 429 || status === 503) && pause !== null && /^\d+$/.test(pause.trim())) {
    return { tag: "retry-after", val: BigInt(pause.trim()) * 1000n };
  }
  return status >= 500 || [408, 425, 429].includes(status) ? { tag: "retriable" } : { tag: "non-retriable" };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
