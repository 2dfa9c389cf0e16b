import assert from "node:assert/strict";
import { test } from "node:test";

import { toFailure } from "../src/errors.ts";
import { HttpStatusError, ensureOk } from "../src/index.ts";

async function refused(status: number, body = "", headers: Record<string, string> = {}): Promise<HttpStatusError> {
  try {
    await ensureOk(new Response(body, { status, headers }));
  } catch (error) {
    return error as HttpStatusError;
  }
  throw new Error("it should have been refused");
}

test("a status says whether trying again may help", async () => {
  const retry = async (status: number, headers?: Record<string, string>) => toFailure(await refused(status, "", headers)).retry;
  assert.deepEqual(await retry(429, { "Retry-After": "2" }), { tag: "retry-after", val: 2_000n });
  assert.deepEqual(await retry(429), { tag: "retriable" });
  assert.deepEqual(await retry(500), { tag: "retriable" });
  assert.deepEqual(await retry(404), { tag: "non-retriable" });
  assert.equal((await ensureOk(new Response("x", { status: 201 }))).status, 201);
});

test("the service's own words are in the message, its answer in the data", async () => {
  const error = await refused(402, '{"error":"card_declined","message":"no funds"}');
  assert.deepEqual([error.name, error.message], ["HttpStatus", "the service answered 402: no funds"]);
  assert.equal(toFailure(error).data, '{"error":"card_declined","message":"no funds"}');
});
