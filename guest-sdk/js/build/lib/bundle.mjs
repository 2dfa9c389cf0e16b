// One module out of the author's code, its npm packages, the SDK and the engine's runtime.
//
// The bundle and its map are the same for the same input, wherever the app, the SDK and the tools lie: nothing of it may hold a path
// outside the app.

import { existsSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";

import { authorsFiles } from "./author.mjs";
import { builtins } from "./builtins.mjs";
import { entryModules } from "./generated.mjs";
import { packages } from "./packages.mjs";
import { awaitOfPackage } from "./refusals.mjs";
import { positionTable } from "./positions.mjs";
import { packagesFiles, regexpRewriter } from "./sources.mjs";
import { sdkModules } from "./sdk.mjs";

/** What the engine's parser does not know, or what must not reach it; the rest is passed on as it was written. */
const SUPPORTED = {
  starlingmonkey: {},
  // Its job queue drains only between two calls from the host, so promises are a library there, and nothing may use the engine's own.
  quickjs: { "async-await": false, "async-generator": false, "for-await": false },
};

const OF_A_PACKAGE = /(?:^|\/)node_modules\//;

/**
 * @typedef {object} Bundle
 * @property {string} code
 * @property {import("../../runtime/positions.mjs").PositionTable} positions which place of the author's a place of the code comes from
 * @property {string[]} inputs the files that were read, absolute
 */

/**
 * @param {import("./arguments.mjs").Options} options
 * @param {string} entry
 * @param {import("./tools.mjs").Tools} tools
 * @param {import("./report.mjs").Report} report
 * @returns {Promise<Bundle | undefined>} nothing after an error
 */
export async function bundle(options, entry, tools, report) {
  const esbuild = await tools.load("esbuild");
  const parser = await tools.load("oxc-parser");
  // QuickJS brings Unicode's tables.
  const rewrite = options.engine === "starlingmonkey" ? regexpRewriter(await tools.load("regexpu-core")) : (source) => source;
  /** What the plugins find. They work side by side, so it is told in order afterwards. */
  const problems = [];
  const globals = { used: false };
  const once = (inject) =>
    esbuild.build({
      absWorkingDir: options.app,
      entryPoints: ["abide:entry"],
      bundle: true,
      write: false,
      outfile: join(options.app, "app.js"),
      format: "esm",
      platform: "browser",
      mainFields: ["module", "main", "browser"],
      conditions: ["abide", "worker", "browser"],
      target: "es2022",
      supported: SUPPORTED[options.engine],
      charset: "utf8",
      keepNames: true,
      legalComments: "none",
      sourcemap: "external",
      sourcesContent: false,
      metafile: true,
      inject,
      loader: { ".txt": "text", ".md": "text", ".html": "text", ".sql": "text" },
      define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
      external: ["abide:durable/*", "wasi:*", "host:*"],
      logLevel: "silent",
      logLimit: 0,
      plugins: [
        entryModules(options, entry),
        sdkModules(options, tools),
        builtins(options, tools, problems),
        packages(tools),
        authorsFiles(options, parser, rewrite, globals, problems),
        packagesFiles(parser, rewrite, globals),
      ],
    });
  let result;
  try {
    result = await once([]);
    if (globals.used) {
      // What is injected becomes part of every bundle, used or not.
      problems.length = 0;
      result = await once(["abide:globals"]);
    }
  } catch (error) {
    if (error.errors === undefined) {
      throw error;
    }
    tellFindings(problems, report);
    tell(error, options, report);
    return undefined;
  }
  tellFindings(problems, report);
  tell(result, options, report);
  if (report.failed) {
    return undefined;
  }
  const file = (end) => result.outputFiles.find((output) => output.path.endsWith(end)).text;
  const positions = positionTable(JSON.parse(file(".map")));
  const code = `${file(".js")}\nglobalThis[Symbol.for("abide.positions")] = ${JSON.stringify(positions)};\n`;
  return { code, positions, inputs: inputs(result.metafile, options) };
}

/** The files of the app that were read, and those that decide how they are read. */
function inputs(metafile, { app, sdk }) {
  const files = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    if (input.startsWith("sdk:") && !relative(app, sdk).startsWith("..")) {
      files.add(join(sdk, input.slice("sdk:".length)));
    } else if (!/^[a-z-]+:/.test(input)) {
      files.add(resolve(app, input));
    }
  }
  for (const file of [...files]) {
    for (let folder = dirname(file); !relative(app, folder).startsWith("..") && !isAbsolute(relative(app, folder)); folder = dirname(folder)) {
      for (const name of ["package.json", "tsconfig.json", "jsconfig.json"]) {
        if (existsSync(join(folder, name))) {
          files.add(join(folder, name));
        }
      }
    }
  }
  return [...files].sort();
}

/** @param {(import("./report.mjs").Problem & { warning?: boolean })[]} problems */
function tellFindings(problems, report) {
  const before = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  problems.sort((a, b) => before(a.file ?? "", b.file ?? "") || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0) || before(a.message, b.message));
  for (const { warning, ...problem } of problems) {
    if (warning === true) {
      report.warning(problem);
    } else {
      report.error(problem);
    }
  }
}

/** Hands on what the bundler found, in the author's terms. */
function tell({ errors, warnings }, options, report) {
  for (const [messages, say] of [
    [errors, (problem) => report.error(problem)],
    [warnings.filter(({ location }) => location !== null && !OF_A_PACKAGE.test(location.file)), (problem) => report.warning(problem)],
  ]) {
    for (const message of messages) {
      const place = message.location;
      if (/^Top-level await is not available/.test(message.text)) {
        // In the author's files it was found before.
        if (place !== null && OF_A_PACKAGE.test(place.file)) {
          say({ file: resolve(options.app, place.file), line: place.line, column: place.column + 1, ...awaitOfPackage() });
        }
        continue;
      }
      const missing = /^Could not resolve "([^"]+)"/.exec(message.text);
      const help = message.detail?.help ?? (missing === null ? message.notes.map((note) => note.text).join(" ") : remedy(missing[1]));
      say({
        ...(place === null || place.file === "" ? {} : { file: resolve(options.app, place.file), line: place.line, column: place.column + 1 }),
        message: missing === null ? message.text : `\`${missing[1]}\` was not found`,
        ...(help === "" ? {} : { help }),
      });
    }
  }
}

function remedy(specifier) {
  if (/^[./]/.test(specifier)) {
    return "check the path of the import";
  }
  const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  return `install it in the app's folder: npm install ${name}`;
}
