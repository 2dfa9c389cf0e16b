// Which file of an app is its entry.

import { existsSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join, relative, resolve, sep } from "node:path";

/** Where apps keep their functions, in the order in which they are looked for. */
const PLACES = [
  "src/index.ts",
  "src/index.tsx",
  "src/index.mts",
];

/** Where projects that were written for Inngest serve their functions from. */
const INNGEST_PLACES = [
  "src/app/api/inngest/route.ts",
  "app/api/inngest/route.ts",
  "src/pages/api/inngest.ts",
  "pages/api/inngest.ts",
  "src/inngest/index.ts",
  "inngest/index.ts",
  "src/inngest/functions/index.ts",
  "inngest/functions/index.ts",
  "src/inngest/functions.ts",
  "inngest/functions.ts",
  "src/inngest.ts",
];

const JAVASCRIPT_PLACES = ["src/index.js", "src/index.mjs", "index.ts", "index.js", "index.mjs"];

/**
 * @param {import("./arguments.mjs").Options} options
 * @param {import("./report.mjs").Report} report
 * @returns {string | undefined} the absolute path; nothing after an error
 */
export function findEntry({ app, entry }, report) {
  if (entry !== undefined) {
    const file = isAbsolute(entry) ? entry : resolve(app, entry);
    if (isFile(file)) {
      return file;
    }
    report.error({
      file: join(app, "abide.toml"),
      message: `the entry \`${entry}\` is no file of the app`,
      help: "set `entry` under [build] to the file that exports the functions, relative to the app's folder",
    });
    return undefined;
  }
  const packageFile = join(app, "package.json");
  const main = mainOf(packageFile, report);
  if (report.failed) {
    return undefined;
  }
  const places = [...PLACES, ...(main === undefined ? [] : [main]), ...INNGEST_PLACES, ...JAVASCRIPT_PLACES];
  for (const place of places) {
    const file = resolve(app, place);
    if (isFile(file) && !relative(app, file).startsWith(`..${sep}`)) {
      return file;
    }
  }
  report.error({
    file: app,
    message: "no entry file was found",
    help: `write src/index.ts with \`export default [yourFunction]\`, or name the file that exports the functions: \`entry\` under [build] in abide.toml. Looked for ${places.join(", ")}`,
  });
  return undefined;
}

/** `main` of a package.json, if it names a source file. */
function mainOf(file, report) {
  if (!existsSync(file)) {
    return undefined;
  }
  try {
    const main = JSON.parse(readFileSync(file, "utf8")).main;
    return typeof main === "string" ? main : undefined;
  } catch (error) {
    report.error({ file, message: `package.json is not JSON: ${error.message}` });
    return undefined;
  }
}

function isFile(file) {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}
