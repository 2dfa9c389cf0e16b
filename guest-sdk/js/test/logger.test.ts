import assert from "node:assert/strict";
import { test } from "node:test";

import { hostLogger, logTo, structured } from "../src/logger.ts";

test("an object before or after the message gives a line its fields", () => {
  const fields = { order: 42 };
  assert.deepEqual(structured([fields, "charged"]), { message: "charged", fields });
  assert.deepEqual(structured(["charged", fields]), { message: "charged", fields });
  assert.deepEqual(structured(["%s paid", "Ann", fields]), { message: "Ann paid", fields });
  assert.deepEqual(structured([{ msg: "charged", order: 42 }]), { message: "charged", fields });
  assert.deepEqual(structured([fields]), { message: "", fields });
});

test("what is no object of fields is part of the message", () => {
  assert.deepEqual(structured(["charged"]), { message: "charged" });
  assert.deepEqual(structured(["got %j", { a: 1 }]), { message: 'got {"a":1}' });
  assert.deepEqual(structured(["list", [1, 2]]), { message: "list [1, 2]" });
  assert.equal(structured([new Date(0)]).fields, undefined);
  assert.equal(structured(["failed", new Error("no")]).fields, undefined);
});

test("lines with fields are JSON that the host reads, whatever the values are", () => {
  const lines: [string, string][] = [];
  logTo((level, message) => lines.push([level, message]));
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  hostLogger.info("plain");
  hostLogger.warn({ big: 12n, none: undefined, loop, "a\"b": "\u001b" }, "odd");
  hostLogger.error(new Error("no"), "failed");
  assert.deepEqual(lines[0], ["info", "plain"]);
  const odd = JSON.parse(lines[1]![1]);
  assert.deepEqual(odd, { message: "odd", fields: { big: "12", loop: odd.fields.loop, 'a"b': "\u001b" } });
  assert.match(odd.fields.loop, /Circular/);
  const failed = JSON.parse(lines[2]![1]);
  assert.equal(failed.message, "failed");
  assert.equal(failed.fields.err.message, "no");
  logTo(() => {});
});
