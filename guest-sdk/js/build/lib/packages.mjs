// Packages of the tools folder that become part of a bundle: what the runtime of QuickJS and the counterparts of Node's modules are made of.
//
// Their files have a namespace of their own, so that the bundle says `package:buffer/index.js` and not where the tools happen to lie.

import { existsSync, readFileSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
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
    // A file that the package does not list among its exports.
    if (importer === undefined && /\.m?js$/.test(specifier) && existsSync(join(root, specifier))) {
      return { path: specifier, namespace: NAMESPACE, sideEffects: false };
    }
    const from = createRequire(importer === undefined ? join(root, "of-the-build.js") : join(root, importer));
    // With a slash it means the package, and not Node's own module of that name.
    return { path: name(from.resolve(MODULES[specifier] ?? (isBuiltin(specifier) ? `${specifier}/` : specifier))), namespace: NAMESPACE };
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
