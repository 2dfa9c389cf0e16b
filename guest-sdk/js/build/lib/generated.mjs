// The two modules that stand before the author's entry: the first readies the engine and the SDK, the second exports what the host calls.

const NAMESPACE = "abide";

/** It must be evaluated before any module of the author. */
const HOST = {
  starlingmonkey: `
    import { engine } from "@abide/sdk/runtime/starlingmonkey";
    import { connect } from "@abide/sdk/component";
    import * as operations from "abide:durable/operations@0.1.0";
    import * as logging from "abide:durable/logging@0.1.0";
    const host = connect({ operations, logging, engine });
    export const functions = (app) => host.functions(app);
  `,
  quickjs: `
    import { engine, functionsFor, loggingFor, operationsFor } from "@abide/sdk/runtime/quickjs";
    import { connect } from "@abide/sdk/component";
    import * as operations from "abide:durable/operations@0.1.0";
    import * as logging from "abide:durable/logging@0.1.0";
    const host = connect({ operations: operationsFor(operations), logging: loggingFor(logging), engine });
    export const functions = (app) => functionsFor(host.functions(app));
  `,
};

/**
 * @param {import("./arguments.mjs").Options} options
 * @param {string} entry the author's entry file
 * @returns {import("esbuild").Plugin}
 */
export function entryModules({ engine, app }, entry) {
  const modules = {
    host: HOST[engine],
    entry: `
      import { functions as functionsOf } from "abide:host";
      import * as app from ${JSON.stringify(entry)};
      export const functions = functionsOf(app);
    `,
  };
  return {
    name: "abide-entry",
    setup(build) {
      build.onResolve({ filter: /^abide:(host|entry)$/ }, ({ path }) => ({ path: path.slice("abide:".length), namespace: NAMESPACE, sideEffects: true }));
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({ contents: modules[path], loader: "js", resolveDir: app }));
    },
  };
}
