// The command line.

import { statSync } from "node:fs";
import { resolve } from "node:path";

export const ENGINES = ["starlingmonkey", "quickjs"];

/**
 * @typedef {object} Options
 * @property {string} app the app's folder
 * @property {string} sdk the folder of the SDK
 * @property {string} tools the folder whose node_modules holds the tools
 * @property {string} out the component to write
 * @property {string} [entry] the entry file, relative to the app
 * @property {"starlingmonkey" | "quickjs"} engine
 */

/**
 * @param {string[]} args
 * @param {import("./report.mjs").Report} report
 * @returns {Options | undefined} nothing after an error
 */
export function parseArguments(args, report) {
  const values = new Map();
  const known = ["app", "sdk", "tools", "out", "entry", "engine"];
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i].replace(/^--/, "");
    if (args[i] !== `--${name}` || !known.includes(name) || args[i + 1] === undefined) {
      report.error({
        message: `the build script does not understand \`${args.slice(i, i + 2).join(" ")}\``,
        help: `it takes ${known.map((option) => `--${option} VALUE`).join(", ")}`,
      });
      return undefined;
    }
    values.set(name, args[i + 1]);
  }
  const missing = ["app", "sdk", "tools", "out"].filter((name) => !values.has(name));
  if (missing.length > 0) {
    report.error({ message: `the build script needs ${missing.map((name) => `--${name}`).join(", ")}` });
    return undefined;
  }
  for (const name of ["app", "sdk", "tools"]) {
    const folder = resolve(values.get(name));
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
      report.error({ file: folder, message: `--${name} is not a folder` });
      return undefined;
    }
    values.set(name, folder);
  }
  const engine = values.get("engine") ?? "starlingmonkey";
  if (!ENGINES.includes(engine)) {
    report.error({
      message: `there is no engine \`${engine}\``,
      help: `set \`engine\` under [build] in abide.toml to ${ENGINES.map((e) => `"${e}"`).join(" or ")}`,
    });
    return undefined;
  }
  return {
    app: values.get("app"),
    sdk: values.get("sdk"),
    tools: values.get("tools"),
    out: resolve(values.get("out")),
    entry: values.get("entry"),
    engine,
  };
}
