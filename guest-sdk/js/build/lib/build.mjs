// From an app's folder to a component: entry, bundle, engine.

import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { bundle } from "./bundle.mjs";
import { findEntry } from "./entry.mjs";
import { loadingProblem } from "./loading.mjs";
import { Tools } from "./tools.mjs";
import { typeErrors } from "./types.mjs";

const ENGINES = {
  starlingmonkey: () => import("../engines/starlingmonkey/componentize.mjs"),
  quickjs: () => import("../engines/quickjs/componentize.mjs"),
};

/**
 * @param {import("./arguments.mjs").Options} options
 * @param {import("./report.mjs").Report} report
 */
export async function build(options, report) {
  report.phase("bundle");
  const entry = findEntry(options, report);
  if (entry === undefined) {
    return;
  }
  const tools = new Tools(options.tools);
  const types = typeErrors(options.app);
  const bundled = await bundle(options, entry, tools, report);
  if (bundled === undefined) {
    return;
  }
  report.phase("componentize");
  const engine = await ENGINES[options.engine]();
  const { component, output } = await engine.componentize(bundled, options, tools, report);
  for (const problem of await types) {
    if (bundled.inputs.includes(problem.file)) {
      report.error(problem);
    }
  }
  if (component === undefined) {
    report.error(loadingProblem(output, bundled.positions, options.app));
  }
  if (report.failed) {
    return;
  }
  await mkdir(dirname(options.out), { recursive: true });
  // Whoever watches the file never sees half of it.
  const partial = `${options.out}.${process.pid}.part`;
  await writeFile(partial, component);
  await rename(partial, options.out);
  report.done({ bytes: component.length, inputs: bundled.inputs });
}
