// Errors of types, as the author's own TypeScript finds them.
//
// The check runs beside everything else, with the app's tsconfig.json and the compiler that is installed in the app; without either there is none. Of
// what it finds, only what lies in files of the bundle counts: tests and scripts beside it are none of the build's business.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** `src/a.ts(1,2): error TS2322: Type…`; what follows it indented explains it. */
const DIAGNOSTIC = /^(.+?)\((\d+),(\d+)\): error (TS\d+): (.*)$/;
const OUTPUT_LIMIT = 16 << 20;

/** The compiler of the app, or of the workspace that it is part of. */
function compilerOf(app) {
  for (let folder = app; ; folder = dirname(folder)) {
    const compiler = join(folder, "node_modules", "typescript", "bin", "tsc");
    if (existsSync(compiler)) {
      return compiler;
    }
    if (dirname(folder) === folder) {
      return undefined;
    }
  }
}

/**
 * @param {string} app the app's folder
 * @returns {Promise<import("./report.mjs").Problem[]>} all that it finds; nothing if it cannot run
 */
export async function typeErrors(app) {
  const compiler = compilerOf(app);
  if (compiler === undefined || !existsSync(join(app, "tsconfig.json"))) {
    return [];
  }
  const args = [compiler, "--noEmit", "--pretty", "false", "--incremental", "false", "--project", app];
  const output = await run(process.execPath, args, { cwd: app, maxBuffer: OUTPUT_LIMIT }).then(
    ({ stdout }) => stdout,
    (failed) => failed.stdout ?? "",
  );
  return parse(output, app);
}

/**
 * @param {string} output of the compiler
 * @param {string} app
 * @returns {import("./report.mjs").Problem[]}
 */
export function parse(output, app) {
  const problems = [];
  for (const line of output.split(/\r?\n/)) {
    const found = DIAGNOSTIC.exec(line);
    if (found !== null) {
      const [, file, at, column, code, message] = found;
      problems.push({ file: resolve(app, file), line: Number(at), column: Number(column), message: `${code}: ${message}` });
    } else if (/^\s+\S/.test(line) && problems.length > 0) {
      problems[problems.length - 1].message += ` ${line.trim()}`;
    }
  }
  return problems;
}
