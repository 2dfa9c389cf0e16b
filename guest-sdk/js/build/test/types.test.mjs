// Errors of types are told as the author's own compiler finds them.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { parse } from "../lib/types.mjs";
import { app, build } from "./harness.mjs";

const SOURCE = 'import { Inngest, serve } from "inngest";\nexport default serve({ client: new Inngest({ id: "x" }), functions: [] });\n';

/** Stands for the TypeScript of an app: it says this, and fails as the real one does. */
const compiler = (output) => `process.stdout.write(${JSON.stringify(output)}); process.exitCode = 2;`;

test("what the compiler says about files of the bundle is an error, what it says about others is not", async (t) => {
  const path = await app(t, {
    "src/index.ts": SOURCE,
    "tsconfig.json": "{}",
    "node_modules/typescript/bin/tsc": compiler("src/index.ts(2,9): error TS2345: Argument of type 'x' is no good.\n  Property 'y' is missing.\ntest/a.test.ts(1,1): error TS2304: Cannot find name 'z'.\n"),
  });
  const { done, errors } = await build(path, { engine: "quickjs" });
  assert.equal(done, undefined);
  assert.deepEqual(errors, [
    { file: join(path, "src/index.ts"), line: 2, column: 9, message: "TS2345: Argument of type 'x' is no good. Property 'y' is missing." },
  ]);
});

test("without a tsconfig.json nothing is checked", async (t) => {
  const path = await app(t, { "src/index.ts": SOURCE, "node_modules/typescript/bin/tsc": compiler("src/index.ts(2,9): error TS1: no\n") });
  const { errors } = await build(path, { engine: "quickjs" });
  assert.deepEqual(errors.filter(({ message }) => message.includes("TS1")), []);
});

test("lines that are no diagnostics are passed over", () => {
  assert.deepEqual(parse("error TS5023: Unknown compiler option 'x'.\n\nFound 1 error.\n", "/app"), []);
});
