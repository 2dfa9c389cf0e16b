// `@abide/sdk`, whether it is called by its own name or by Inngest's.
//
// Its files have a namespace of their own, so that the bundle says `sdk:src/step.ts` and not where the SDK happens to lie.

import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, posix } from "node:path";

import { packageResolver } from "./packages.mjs";

const NAMESPACE = "sdk";

/** What `inngest/next` and the like mean here: all of them serve functions, and here the host does. */
const OURS = /^(?:@abide\/sdk|inngest)(?:\/(.+))?$/;

/**
 * @param {import("./arguments.mjs").Options} options
 * @param {import("./tools.mjs").Tools} tools
 * @returns {import("esbuild").Plugin}
 */
export function sdkModules({ sdk }, tools) {
  const { exports } = JSON.parse(readFileSync(join(sdk, "package.json"), "utf8"));
  const resolved = (file) => ({ path: posix.normalize(file), namespace: NAMESPACE });
  return {
    name: "abide-sdk",
    setup(build) {
      build.onResolve({ filter: OURS }, ({ path }) => {
        const [, rest] = OURS.exec(path);
        const known = rest === undefined ? target(exports["."]) : target(exports[`./${rest}`]);
        if (known !== undefined) {
          return resolved(known);
        }
        if (path.startsWith("inngest/")) {
          return resolved(target(exports["."]));
        }
        return { errors: [{ text: `the SDK has no module \`${path}\``, detail: { help: `it has ${Object.keys(exports).map((name) => `@abide/sdk${name.slice(1)}`).join(", ")}` } }] };
      });
      build.onResolve({ filter: /^\./, namespace: NAMESPACE }, ({ path, importer }) => resolved(posix.join(posix.dirname(importer), path)));
      const ofPackage = packageResolver(tools);
      build.onResolve({ filter: /^[a-z@][^:]*$/, namespace: NAMESPACE }, ({ path }) => (OURS.test(path) ? undefined : ofPackage(path)));
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => {
        const file = join(sdk, path);
        if (!existsSync(file)) {
          return { errors: [{ text: `the SDK in ${sdk} has no file ${path}`, detail: { help: "write the SDK's copy anew with `abide new`, or delete it so that the one in `abide` is used" } }] };
        }
        return { contents: readFileSync(file, "utf8"), loader: extname(path) === ".ts" ? "ts" : "js", resolveDir: dirname(file) };
      });
    },
  };
}

/** The source file of an entry of `exports`. */
function target(entry) {
  if (entry === undefined || entry === null || typeof entry === "string") {
    return entry ?? undefined;
  }
  return target(entry.source ?? entry.import ?? entry.default);
}
