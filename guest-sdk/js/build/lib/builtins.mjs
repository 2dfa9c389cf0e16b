// Node's built-in modules: some have a counterpart that really works, in well-kept packages or in `runtime/node`. The others are refused in the
// author's files. In packages they become modules that throw when they are used, since much of what packages import they never need.

import { isBuiltin } from "node:module";
import { relative, sep } from "node:path";

import { packageResolver } from "./packages.mjs";
import { builtinRefusal } from "./refusals.mjs";

const NAMESPACE = "builtin";

/** Counterparts in packages of the tools folder. */
const PACKAGES = {
  assert: "unenv/dist/runtime/node/assert.mjs",
  "assert/strict": "unenv/dist/runtime/node/assert/strict.mjs",
  events: "events/events.js",
  path: "unenv/dist/runtime/node/path.mjs",
  "path/posix": "unenv/dist/runtime/node/path.mjs",
  punycode: "unenv/dist/runtime/node/punycode.mjs",
  querystring: "unenv/dist/runtime/node/querystring.mjs",
  url: "unenv/dist/runtime/node/url.mjs",
  util: "unenv/dist/runtime/node/util.mjs",
  "util/types": "unenv/dist/runtime/node/util/types.mjs",
};

/** Counterparts in `runtime/node` of the SDK. */
const OWN = {
  buffer: "runtime/node/buffer.ts",
  crypto: "runtime/node/crypto.ts",
  perf_hooks: "runtime/node/perf-hooks.ts",
  process: "runtime/node/process.ts",
  timers: "runtime/node/timers.ts",
  "timers/promises": "runtime/node/timers-promises.ts",
};

/** A module whose every member is a function that throws. */
const REFUSING = (message) => `
  const refuse = (name) => function refused() { throw new Error(${JSON.stringify(message)} + " (" + name + ")"); };
  const members = new Map();
  module.exports = new Proxy({}, {
    get(_, name) {
      if (typeof name === "symbol" || name === "__esModule" || name === "then") return undefined;
      if (!members.has(name)) members.set(name, name === "default" ? module.exports : refuse(name));
      return members.get(name);
    },
  });
`;

/**
 * @param {import("./arguments.mjs").Options} options
 * @param {import("./tools.mjs").Tools} tools
 * @param {import("./report.mjs").Problem[]} problems where findings go
 * @returns {import("esbuild").Plugin}
 */
export function builtins({ app }, tools, problems) {
  const ofPackage = packageResolver(tools);
  return {
    name: "abide-builtins",
    setup(build) {
      build.onResolve({ filter: /^(?:node:)?[a-z_0-9]+(?:\/[a-z_]+)?\/?$/ }, async ({ path, importer, namespace, resolveDir, kind, pluginData }) => {
        const name = path.replace(/^node:/, "").replace(/\/$/, "");
        if (pluginData === NAMESPACE || !isBuiltin(path.replace(/\/$/, ""))) {
          return undefined;
        }
        if (Object.hasOwn(PACKAGES, name)) {
          return ofPackage(PACKAGES[name]);
        }
        if (Object.hasOwn(OWN, name)) {
          return { path: OWN[name], namespace: "sdk", sideEffects: false };
        }
        if (!path.startsWith("node:")) {
          // A package of that name in node_modules, such as `punycode/`, comes first.
          const installed = await build.resolve(path, { importer, namespace, resolveDir, kind, pluginData: NAMESPACE });
          if (installed.errors.length === 0 && installed.path !== "" && !installed.external) {
            return installed;
          }
        }
        const refusal = builtinRefusal(name);
        if (namespace === "file" && !/[\\/]node_modules[\\/]/.test(importer)) {
          return { errors: [{ text: refusal.message, detail: { help: refusal.help } }] };
        }
        const user = packageOf(relative(app, importer));
        problems.push({
          warning: true,
          message: `the package \`${user}\` imports \`node:${name}\`, which does not exist in a sandbox: what needs it fails when it is called`,
          help: refusal.help,
        });
        return { path: name, namespace: NAMESPACE, pluginData: `${refusal.message}, and ${user} uses it` };
      });
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ pluginData }) => ({ contents: REFUSING(pluginData), loader: "js" }));
      // The global that Node programs use without importing it.
      build.onResolve({ filter: /^abide:globals$/ }, () => ({ path: "runtime/node/globals.ts", namespace: "sdk", sideEffects: false }));
    },
  };
}

function packageOf(path) {
  const parts = path.split(sep);
  const at = parts.lastIndexOf("node_modules") + 1;
  return parts.slice(at, parts[at]?.startsWith("@") ? at + 2 : at + 1).join("/");
}
