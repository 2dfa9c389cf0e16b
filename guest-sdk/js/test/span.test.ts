import assert from "node:assert/strict";
import { test } from "node:test";

import { logTo } from "../src/logger.ts";
import { span } from "../src/span.ts";

/** What is told of spans while `body` runs; ids begin at 1. */
async function told(body: () => unknown): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  logTo((_, line) => lines.push(line));
  try {
    await body();
  } finally {
    logTo(() => {});
  }
  assert.ok(lines.every((line) => line.startsWith('{"abide.span":')));
  const marks = lines.map((line) => JSON.parse(line) as Record<string, unknown> & { id: number; parent?: number });
  const first = Math.min(...marks.map((mark) => mark.id));
  return marks.map((mark) => ({ ...mark, id: mark.id - first + 1, ...(mark.parent === undefined ? {} : { parent: mark.parent - first + 1 }) }));
}

test("a span lasts until its body is done, and hangs below the one that it is opened from", async () => {
  const marks = await told(async () => {
    const result = await span("charge", { amount: 3, id: 12n }, async (charge) => {
      const sum = charge.span("add", () => 1 + 1);
      await Promise.resolve();
      charge.set("sum", sum);
      return sum;
    });
    assert.equal(result, 2);
  });
  assert.deepEqual(marks, [
    { "abide.span": "begin", id: 1, message: "charge", fields: { amount: 3, id: "12" } },
    { "abide.span": "begin", id: 2, parent: 1, message: "add", fields: {} },
    { "abide.span": "end", id: 2, message: "add", fields: {} },
    { "abide.span": "end", id: 1, message: "charge", fields: { sum: 2 } },
  ]);
});

test("what a body throws ends its span as failed, and is thrown on", async () => {
  const marks = await told(async () => {
    const declined = new RangeError("declined");
    assert.throws(
      () =>
        span("now", () => {
          throw declined;
        }),
      declined,
    );
    await assert.rejects(
      span("later", async () => {
        throw declined;
      }),
      declined,
    );
  });
  const errors = marks.filter((mark) => mark["abide.span"] === "end").map((mark) => mark["error"]);
  assert.deepEqual(errors, ["RangeError: declined", "RangeError: declined"]);
});
