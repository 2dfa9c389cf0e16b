// The default engine: SpiderMonkey in its form for components.
//
// The app is initialised in this process, against a host that is the same on every machine, and its memory is put into a component that was made before.
// What is used of componentize-js is its engine and its bindings, pinned by the lock file.

import { createHash } from "node:crypto";

import { withWorld } from "../../lib/world.mjs";
import { baseFor } from "./base.mjs";
import { CORE_MODULE, section } from "./binary.mjs";
import { withMemoryOf } from "./snapshot.mjs";
import { Exit, Wasi } from "./wasi.mjs";

/** What `check_init` says. */
const PROBLEMS = { 1: "the app's exports cannot be listed", 2: "the types of the exports cannot be read" };

/**
 * @param {import("../../lib/bundle.mjs").Bundle} bundled
 * @param {import("../../lib/arguments.mjs").Options} options
 * @param {import("../../lib/tools.mjs").Tools} tools
 * @param {import("../../lib/report.mjs").Report} report
 * @returns {Promise<{ component: Buffer } | { output: string }>} or what the app said before it failed
 */
export async function componentize({ code }, { sdk }, tools, report) {
  const base = await withWorld("starlingmonkey", sdk, (wit) => baseFor(wit, tools, () => report.phase("engine")));
  const wasi = new Wasi({
    input: "--initializer-script-path /initializer.js --strip-path-prefix / app.js",
    variables: base.variables,
    files: { "app.js": Buffer.from(code), "initializer.js": base.initializer },
    seed: createHash("sha256").update(code).digest("hex"),
  });
  const module = await WebAssembly.compile(base.engine);
  const { exports } = await WebAssembly.instantiate(module, importsOf(module, wasi, () => exports));
  wasi.begin(exports.memory);
  try {
    exports._initialize();
    exports["componentize.wizer"]();
  } catch (error) {
    if (error instanceof Exit || error instanceof WebAssembly.RuntimeError) {
      return { output: wasi.output };
    }
    throw error;
  }
  const problem = exports.check_init();
  if (problem !== 0) {
    return { output: `${PROBLEMS[problem] ?? `the engine reports problem ${problem}`}\n${wasi.output}` };
  }
  return { component: Buffer.concat([base.before, section(CORE_MODULE, withMemoryOf(base.module, exports)), base.after]) };
}

/** What the engine imports while an app is built. */
function importsOf(module, wasi, exports) {
  const known = {
    wasi_snapshot_preview1: wasi.imports(),
    "wasi:random/random@0.2.10": {
      "get-random-u64": () => wasi.random(8).readBigUInt64LE(),
      "get-random-bytes": (length, result) => {
        const bytes = wasi.random(Number(length));
        const { memory, cabi_realloc: allocate } = exports();
        const at = allocate(0, 0, 1, bytes.length);
        new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
        new Uint32Array(memory.buffer, result, 2).set([at, bytes.length]);
      },
    },
    "wasi:clocks/monotonic-clock@0.2.10": { now: () => wasi.now() },
    // Nobody reads what modules log while they are loaded.
    "abide:durable/logging@0.1.0": { log: () => {} },
  };
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] =
      known[from]?.[name] ??
      (() => {
        wasi.output += `Error: ${from}#${name} is not there while the app is built\n`;
        throw new Exit(1);
      });
  }
  return imports;
}
