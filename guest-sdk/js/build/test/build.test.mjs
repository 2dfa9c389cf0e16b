// From a folder to a component: entries, names, errors in the author's terms, the same bytes every time.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { findEntry } from "../lib/entry.mjs";
import { Report } from "../lib/report.mjs";
import { usesBuffer } from "../lib/sources.mjs";
import { SDK, app, build, buildByCommand, folder } from "./harness.mjs";

const HELLO = `
import { Inngest, serve } from "@abide/sdk";
const client = new Inngest({ id: "hello" });
const hello = client.createFunction({ id: "hello" }, { event: "demo/hello" }, async ({ event, step }) =>
  step.run("greet", async () => \`Hello, \${event.data.name}!\`));
export default serve({ client, functions: [hello] });
`;
const COMPONENT = Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);

for (const engine of ["starlingmonkey", "quickjs"]) {
  test(`an app becomes a component on ${engine}, by the command line`, async (t) => {
    const path = await app(t, HELLO);
    const { code, lines, done, out } = await buildByCommand(path, "--engine", engine);
    assert.equal(code, 0, JSON.stringify(lines));
    const component = await readFile(out);
    assert.deepEqual(component.subarray(0, 8), COMPONENT);
    assert.equal(done.bytes, component.length);
    assert.ok(done.inputs.includes(join(path, "src/index.ts")) && done.inputs.includes(join(path, "package.json")), done.inputs.join());
    assert.deepEqual(lines[0], { phase: "bundle" });
    assert.equal(component.includes("host:io/poll"), false, "WASI has its own name");
    assert.equal(component.includes(path), false, "nothing of the machine gets in");
  });
}

test("errors end the command line with 1, and leave no component", async (t) => {
  const { code, errors, done, out } = await buildByCommand(await app(t, 'import "node:fs";'));
  assert.deepEqual([code, errors.length, done, existsSync(out)], [1, 1, undefined, false]);
});

test("the same app gives the same bytes, wherever it and the SDK lie", async (t) => {
  const [one, two, other] = [await app(t, HELLO), await app(t, HELLO), await folder(t)];
  for (const part of ["package.json", "src", "runtime", "wit"]) {
    await cp(join(SDK, part), join(other, part), { recursive: true });
  }
  const [first, second] = [await build(one), await build(two, { sdk: other })];
  assert.equal(Buffer.compare(await readFile(first.out), await readFile(second.out)), 0);
});

const ENTRIES = [
  [{ "src/index.ts": HELLO }, undefined, "src/index.ts"],
  [{ "functions.mjs": HELLO, "package.json": '{"main":"./functions.mjs"}' }, undefined, "functions.mjs"],
  [{ "index.js": HELLO }, undefined, "index.js"],
  [{ "src/inngest/index.ts": HELLO }, undefined, "src/inngest/index.ts"],
  [{ "src/index.ts": "import 'node:http';", "src/jobs.ts": HELLO }, "src/jobs.ts", "src/jobs.ts"],
];
for (const [files, entry, used] of ENTRIES) {
  test(`the entry is ${used}${entry === undefined ? "" : ", which abide.toml names"}`, async (t) => {
    const path = await app(t, files);
    assert.equal(findEntry({ app: path, entry }, new Report({ write: assert.fail })), join(path, used));
  });
}

test("without an entry, the message says where it was looked for", async (t) => {
  const { errors } = await build(await app(t, { "readme.md": "" }));
  assert.match(errors[0].message, /no entry file was found/);
  assert.match(errors[0].help, /src\/index\.ts.*src\/app\/api\/inngest\/route\.ts/);
});

test("an entry that does not exist", async (t) => {
  const { errors } = await build(await app(t, HELLO), { entry: "src/nowhere.ts" });
  assert.match(errors[0].message, /`src\/nowhere\.ts` is no file of the app/);
});

test("`inngest` and what it has for frameworks is the SDK, although nothing is installed", async (t) => {
  const names = ["inngest", "inngest/next", "inngest/express", "inngest/hono", "inngest/cloudflare", "@abide/sdk"];
  const imports = names.map((name, index) => `import { Inngest as I${index}, serve as s${index} } from "${name}";`).join("\n");
  const same = names.map((_, index) => `I0 === I${index} && s0 === s${index}`).join(" && ");
  // It would fail while it is loaded.
  const path = await app(t, `${imports}\nif (!(${same})) throw new Error("not the same");\nexport const { GET, POST, PUT } = s0({ client: new I0({ id: "x" }), functions: [] });`);
  const { errors, done } = await build(path, { engine: "quickjs" });
  assert.deepEqual(errors, []);
  assert.ok(done);
});

test("a module that the SDK does not have", async (t) => {
  const { errors } = await build(await app(t, 'import "@abide/sdk/nothing";'));
  assert.match(errors[0].message, /has no module `@abide\/sdk\/nothing`/);
  assert.equal(errors[0].line, 1);
});

test("an error of syntax names its place", async (t) => {
  const { errors } = await build(await app(t, "export const order = {\n  id: 1\n  total: 2,\n};"));
  assert.deepEqual([errors[0].line, errors[0].column], [3, 3]);
  assert.match(errors[0].message, /Expected "}" but found "total"/);
});

test("a package that is not installed", async (t) => {
  const { errors } = await build(await app(t, 'import { z } from "zod";\nimport "./missing";\nexport default z;'));
  assert.deepEqual(
    errors.map(({ line, message, help }) => [line, message, help]),
    [
      [1, "`zod` was not found", "install it in the app's folder: npm install zod"],
      [2, "`./missing` was not found", "check the path of the import"],
    ],
  );
});

for (const engine of ["starlingmonkey", "quickjs"]) {
  test(`a module that throws while it is loaded, on ${engine}`, async (t) => {
    const path = await app(t, {
      "src/index.ts": 'import { settings } from "./settings";\nexport default settings;',
      "src/settings.ts": 'function required(name: string): string {\n  throw new Error(`${name} is missing`);\n}\nexport const settings = required("KEY");',
    });
    const { errors } = await build(path, { engine });
    assert.equal(errors.length, 1);
    assert.equal(errors[0].file, join(path, "src/settings.ts"));
    assert.equal(errors[0].line, 2);
    assert.match(errors[0].message, /KEY is missing/);
  });

  test(`a variable that is read on the way while modules are loaded, on ${engine}`, async (t) => {
    const path = await app(t, "function key() {\n  return process.env.KEY;\n}\nexport default key();");
    const { errors } = await build(path, { engine });
    assert.equal(errors[0].line, 2);
    assert.match(errors[0].message, /process\.env\.KEY was read while the module was loaded/);
  });
}

const BUFFERS = [
  ["Buffer.from('x')", true],
  ["import { Buffer as B } from 'node:buffer'; B.from(Buffer.alloc(1))", true],
  ["import x from 'x'\nconst y = Buffer.from('x')", true],
  ["import type { A } from 'x'\nconst y = { a: Buffer.from('x') }", true],
  ["import { Buffer } from 'node:buffer'; Buffer.from('x')", false],
  ["const { Buffer } = require('buffer'); Buffer.from('x')", false],
  ["value.Buffer, ArrayBuffer, 'text'", false],
];
for (const [source, used] of BUFFERS) {
  test(`Node's Buffer is ${used ? "" : "not "}brought along for: ${source}`, () => {
    assert.equal(usesBuffer(source), used);
  });
}

for (const [args, message] of [
  [["--bogus", "1"], /does not understand `--bogus 1`/],
  [["--app", "."], /needs --sdk, --tools, --out/],
]) {
  test(`the command line: ${args.join(" ")}`, async () => {
    const { parseArguments } = await import("../lib/arguments.mjs");
    const errors = [];
    assert.equal(parseArguments(args, { error: (problem) => errors.push(problem.message) }), undefined);
    assert.match(errors[0], message);
  });
}
