// Packages of the tools folder that become part of a bundle: what the runtime of QuickJS and the counterparts of Node's modules are made of.
//
// Their files have a namespace of their own, so that the bundle says `package:buffer/index.js` and not where the tools happen to lie.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, sep } from "node:path";

export const NAMESPACE = "package";

/** Packages with a form as ES module that their `require` entry would hide. */
const MODULES = { "web-streams-polyfill": "web-streams-polyfill/dist/ponyfill.mjs" };

/** @param {import("./tools.mjs").Tools} tools */
export function packageResolver(tools) {
  const root = tools.path();
  const name = (file) => relative(root, file).split(sep).join("/");
  /** @returns {import("esbuild").OnResolveResult} */
  return (specifier, importer) => {
    const from = createRequire(importer === undefined ? join(root, "of-the-build.js") : join(root, importer));
    return { path: name(from.resolve(MODULES[specifier] ?? specifier)), namespace: NAMESPACE };
  };
}

/**
 * @param {import("./tools.mjs").Tools} tools
 * @returns {import("esbuild").Plugin}
 */
export function packages(tools) {
  const resolve = packageResolver(tools);
  return {
    name: "abide-packages",
    setup(build) {
      build.onResolve({ filter: /.*/, namespace: NAMESPACE }, ({ path, importer }) => resolve(path, importer));
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({
        contents: readFileSync(tools.path(...path.split("/")), "utf8"),
        loader: path.endsWith(".json") ? "json" : "js",
        resolveDir: tools.path(),
      }));
    },
  };
}
