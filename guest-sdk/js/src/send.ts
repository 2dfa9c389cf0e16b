/**
 * Sending events from the body of a step: a request to the event API of the server.
 *
 * A body that is tried again must send nothing twice. So the ids of the events are made of the run, the step and the number of the call, none of which an attempt changes: the server
 * gives a request with ids that it knows no second effect.
 */

import type { EventPayload } from "./events.ts";
import { RetryAfterError, NonRetriableError } from "./errors.ts";
import { currentEngine, currentRun } from "./inside.ts";
import { currentExecution } from "./mode.ts";
import { sha1 } from "./sha1.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Calls of the body that is executing. */
let calls = { key: "", count: 0 };

/** Sends events to the event API. */
export async function sendByHttp(
  options: { eventKey?: string; baseUrl?: string },
  events: readonly EventPayload[],
): Promise<{ ids: string[] }> {
  const variables = currentEngine()?.environment?.() ?? {};
  const base = options.baseUrl ?? variables["ABIDE_URL"] ?? variables["INNGEST_BASE_URL"];
  if (!base) {
    throw new NonRetriableError(
      "inngest.send in the body of a step needs the server's address: configure the variable ABIDE_URL and let the app reach it, or send from workflow code with step.sendEvent, which is recorded with the run",
    );
  }
  const key = options.eventKey ?? variables["ABIDE_EVENT_KEY"] ?? variables["INNGEST_EVENT_KEY"] ?? "NO_EVENT_KEY_SET";
  const url = `${base.replace(/\/+$/, "")}/e/${encodeURIComponent(key)}`;
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-inngest-event-id-seed": seed() },
    body: JSON.stringify(events),
  });
  const text = await response.text();
  const answer = parsed(text);
  if (response.ok && Array.isArray(answer.ids)) {
    return { ids: answer.ids };
  }
  const message = `the event API answered ${response.status}${answer.error ? `: ${answer.error}` : ""}`;
  const pause = response.headers.get("retry-after");
  if ((response.status === 429 || response.status === 503) && pause !== null && /^\d+$/.test(pause)) {
    throw new RetryAfterError(message, Number(pause) * 1000);
  }
  throw response.status < 500 && response.status !== 429 ? new NonRetriableError(message) : new Error(message);
}

function parsed(text: string): { ids?: string[]; error?: string } {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === "object" && answer !== null ? answer : {};
  } catch {
    return {};
  }
}

/** `<ms>,<base64 of 10 bytes>`: the time of the run, and a hash of step and call. */
function seed(): string {
  const stepKey = currentExecution()?.stepKey ?? "";
  const attemptKey = currentExecution()?.idempotencyKey ?? "";
  calls = calls.key === attemptKey ? { key: attemptKey, count: calls.count + 1 } : { key: attemptKey, count: 0 };
  const bytes = sha1(`${stepKey}/${calls.count}`).subarray(0, 10);
  return `${timeOfUlid(currentRun()?.run.runId ?? "")},${btoa(String.fromCharCode(...bytes))}`;
}

/** The time in the first ten characters of a ULID. */
function timeOfUlid(ulid: string): number {
  return [...ulid.slice(0, 10)].reduce((ms, char) => ms * 32 + Math.max(0, ALPHABET.indexOf(char)), 0);
}
