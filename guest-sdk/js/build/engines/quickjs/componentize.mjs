// The small engine: QuickJS, without component-model async.

import { withWorld } from "../../lib/world.mjs";

/**
 * Its tool initialises the app against a host of its own, whose streams cannot be told from those of an HTTP interface that it lacks. So WASI is
 * imported under another name first, and gets its own name in the finished component: they are equally long.
 */
const STAND_IN = /host:(?=[a-z]+\/[a-z-]+@0\.2\.6)/g;

/**
 * @param {import("../../lib/bundle.mjs").Bundle} bundled
 * @param {import("../../lib/arguments.mjs").Options} options
 * @param {import("../../lib/tools.mjs").Tools} tools
 * @returns {Promise<{ component: Buffer } | { output: string }>} or what the engine said about an app that it cannot load
 */
export async function componentize({ code }, { sdk }, tools) {
  const { componentize } = await tools.load("componentize-qjs");
  let component;
  try {
    ({ component } = await withWorld("quickjs", sdk, (witPath) => componentize({ witPath, world: "quickjs", jsSource: code, sync: true })));
  } catch (error) {
    if (/JavaScript module/.test(error.message)) {
      return { output: error.message };
    }
    throw error;
  }
  return { component: Buffer.from(component.toString("latin1").replace(STAND_IN, "wasi:"), "latin1") };
}
