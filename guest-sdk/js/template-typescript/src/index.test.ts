// `npm test` runs the workflow in Node, with the test in the part of the host.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Run, event } from "@abide/sdk/testing";

import { hello } from "./index.ts";

test("a visitor is greeted, and parted from a day later", async () => {
  const run = await Run.of(hello, event("visitor/arrived", { name: "Ada" }));
  assert.deepEqual(await run.execute("greet"), { value: "Hello, Ada!" });
  assert.deepEqual(run.asked("stay"), { kind: "sleep", ms: 86_400_000 });
  await run.complete("stay");
  await run.execute("part");
  assert.deepEqual(run.output, { value: { greeting: "Hello, Ada!", farewell: "Goodbye, Ada!" } });
});
