#!/usr/bin/env node
// Turns a TypeScript or JavaScript app into a WebAssembly component.
//
//   node main.mjs --app DIR --sdk SDKDIR --tools TOOLSDIR --out FILE.wasm [--entry FILE] [--engine starlingmonkey|quickjs]
//
// It prints JSON lines on stdout: {"phase"}, {"error"}, {"warning"}, and {"done"} last. It exits with 0, or with 1 after errors.
// It writes nothing but FILE.wasm (and, inside TOOLSDIR, what every build of the same tools shares), and it needs no network.

import { build } from "./lib/build.mjs";
import { parseArguments } from "./lib/arguments.mjs";
import { Report } from "./lib/report.mjs";

const report = new Report(process.stdout);
const options = parseArguments(process.argv.slice(2), report);
if (options !== undefined) {
  await build(options, report);
}
process.exitCode = report.failed ? 1 : 0;
