// What a sandbox does not have is refused when the app is built: with the file, the line, the column and a remedy.

import assert from "node:assert/strict";
import { test } from "node:test";

import { app, build } from "./harness.mjs";

/** Code, where it is wrong (`line:column`), what the message says, and what the help says. */
const REFUSED = [
  ['import fs from "node:fs";\nexport default fs;', "1:16", "`node:fs` does not exist", "there are no files"],
  ['import { readFile } from "fs/promises";\nexport default readFile;', "1:26", "`node:fs/promises`", "there are no files"],
  ['import http from "http";\nexport default http;', "1:18", "`node:http`", "the host calls the functions"],
  ['import net from "node:net";\nexport default net;', "1:17", "`node:net`", "over HTTP"],
  ['import { Worker } from "worker_threads";\nexport default Worker;', "1:24", "`node:worker_threads`", "Promise.all"],
  ['import { exec } from "child_process";\nexport default exec;', "1:22", "`node:child_process`", "step.invoke"],
  ['import { AsyncLocalStorage } from "node:async_hooks";\nexport default AsyncLocalStorage;', "1:35", "`node:async_hooks`", "argument"],
  ["export const key = process.env.API_KEY;", "1:20", "`process.env.API_KEY` is read outside of a function", "[vars] in abide.toml"],
  ["const { API_KEY } = process.env;\nexport default API_KEY;", "1:21", "`process.env` is read outside", "[vars]"],
  ["class A { static key = process.env.KEY }\nexport default A;", "1:24", "`process.env.KEY`", "[vars]"],
  ["export default () => {\n  process.exit(1);\n};", "2:3", "`process.exit` does not exist", "NonRetriableError"],
  ["process.on('uncaughtException', () => {});\nexport default 1;", "1:1", "`process.on`", "onFailure"],
  ["export default () => process.cwd();", "1:22", "`process.cwd`", "no files"],
  ["export default () => __dirname;", "1:22", "`__dirname`", "no files"],
  ["export default () => new URL('./x', import.meta.url);", "1:37", "`import.meta.url`", "no files"],
  ["export default () => import.meta.env.KEY;", "1:22", "`import.meta.env`", "process.env"],
  ["export default () => new WebSocket('wss://x');", "1:26", "`WebSocket`", "step.waitForEvent"],
  ["export default () => window.location;", "1:22", "`window`", "globalThis"],
  ["export default () => Bun.file('x');", "1:22", "`Bun`", "web platform"],
  ["export default () => new Intl.NumberFormat('de');", "1:26", "`Intl`", "date-fns"],
  ["export default () => WebAssembly.compile;", "1:22", "`WebAssembly`", "JavaScript"],
  ["export default (path: string) => import(path);", "1:34", "import() of a path", "write the path as a string"],
  ["export default await Promise.resolve(1);", "1:16", "`await` is used outside", "step.run"],
  ["setTimeout(() => {}, 1);\nexport default 1;", "1:1", "`setTimeout` is called outside", "step.run"],
  ["const config = fetch('https://x');\nexport default config;", "1:16", "`fetch` is called outside", "step.run"],
  ["export const id = Math.random();", "1:19", "`Math.random` is called outside", "in the function"],
  ["export const id = crypto.randomUUID();", "1:19", "`crypto.randomUUID`", "in the function"],
];

for (const [code, place, message, help] of REFUSED) {
  test(`refused: ${code.split("\n")[0]}`, async (t) => {
    const path = await app(t, code);
    const { errors, done } = await build(path);
    assert.equal(done, undefined, "nothing is built");
    const found = errors.find((error) => `${error.line}:${error.column}` === place);
    assert.ok(found, JSON.stringify(errors));
    assert.equal(found.file, `${path}/src/index.ts`);
    assert.ok(found.message.includes(message), found.message);
    assert.ok(found.help.includes(help), found.help);
  });
}

test("several mistakes are told at once, in order", async (t) => {
  const path = await app(t, { "src/index.ts": "import './other';\nexport default () => { process.exit(); __dirname; };", "src/other.ts": "import 'node:fs';\nprocess.argv;" });
  const { errors } = await build(path);
  assert.deepEqual(
    errors.map(({ file, line }) => `${file.slice(path.length + 1)}:${line}`),
    ["src/index.ts:2", "src/index.ts:2", "src/other.ts:2", "src/other.ts:1"],
  );
});

test("the time of the build is a warning", async (t) => {
  const path = await app(t, "import { Inngest, serve } from 'inngest';\nconst began = Date.now();\nexport default serve({ client: new Inngest({ id: String(began) }), functions: [] });");
  const { warnings, errors } = await build(path, { engine: "quickjs" });
  assert.deepEqual([warnings[0].line, warnings[0].column], [2, 15]);
  assert.deepEqual(errors.filter(({ line }) => line === 2), []);
});

test("what a file declares itself, asks after, or names as a property or type is not refused", async (t) => {
  const path = await app(
    t,
    `import { Inngest, serve } from "inngest";
    interface document { window: string; WebSocket: number }
    type Worker = { Intl: document };
    const pages = (window: Worker) => ({ document: window.Intl, __dirname: 1 });
    const place = typeof Bun === "undefined" ? "here" : Bun;
    const env = process.env.NODE_ENV === "production" ? new Date(0) : new Date("2020-01-01");
    const later = () => [process.env.KEY, Math.random(), Date.now(), process.nextTick, fetch];
    export default serve({ client: new Inngest({ id: "x" }), functions: [] });
    export { pages, place, env, later };`,
  );
  const { errors, warnings } = await build(path, { engine: "quickjs" });
  assert.deepEqual([errors.filter(({ line }) => line !== undefined), warnings], [[], []]);
});

test("only one of the engines has it", async (t) => {
  const path = await app(t, "export default () => new FormData();");
  const { errors } = await build(path, { engine: "quickjs" });
  assert.match(errors[0].message, /`FormData` does not exist in the engine quickjs/);
  assert.match(errors[0].help, /starlingmonkey/);
});

test("a package that waits while it is loaded is refused on quickjs, and builds on starlingmonkey", async (t) => {
  const path = await app(t, {
    "src/index.ts": 'import { Inngest, serve } from "inngest";\nimport { one } from "waits";\nexport default serve({ client: new Inngest({ id: String(one) }), functions: [] });',
    "node_modules/waits/package.json": '{"name":"waits","main":"index.mjs"}',
    "node_modules/waits/index.mjs": "export const one = await Promise.resolve(1);",
  });
  const { errors } = await build(path, { engine: "quickjs" });
  assert.deepEqual([errors.length, errors[0].file, errors[0].line], [1, `${path}/node_modules/waits/index.mjs`, 1]);
  assert.match(errors[0].help, /starlingmonkey/);
  assert.deepEqual((await build(path)).errors, []);
});

test("on quickjs, await outside of a function is told once", async (t) => {
  const { errors } = await build(await app(t, "export default await Promise.resolve(1);"), { engine: "quickjs" });
  assert.deepEqual(errors.map(({ line, column }) => [line, column]), [[1, 16]]);
});

test("a package may import what it does not need", async (t) => {
  const path = await app(t, {
    "src/index.ts": 'import { Inngest, serve } from "inngest";\nimport { one } from "half-node";\nexport default serve({ client: new Inngest({ id: String(one) }), functions: [] });',
    "node_modules/half-node/package.json": '{"name":"half-node","main":"index.js"}',
    "node_modules/half-node/index.js": 'const fs = require("fs");\nclass Reader extends require("stream").Readable {}\nexports.one = 1;\nexports.read = () => fs.readFileSync("x");',
  });
  const { errors, warnings } = await build(path, { engine: "quickjs" });
  assert.deepEqual(errors.filter(({ message }) => !message.includes("functions")), []);
  assert.deepEqual(
    warnings.map(({ message }) => /`half-node` imports `(node:\w+)`/.exec(message)?.[1]),
    ["node:fs", "node:stream"],
  );
});
