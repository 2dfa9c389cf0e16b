// The default engine: SpiderMonkey in its form for components.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * @param {import("../lib/bundle.mjs").Bundle} bundled
 * @param {import("../lib/arguments.mjs").Options} options
 * @param {import("../lib/tools.mjs").Tools} tools
 */
export async function componentize({ code }, { sdk }, tools) {
  const { componentize } = await tools.load("componentize-js");
  const folder = await mkdtemp(join(tmpdir(), "abide-js-"));
  try {
    const sourcePath = join(folder, "app.js");
    await writeFile(sourcePath, code);
    const { component } = await componentize({
      sourcePath,
      witPath: join(sdk, "wit"),
      worldName: "app",
      disableFeatures: ["fetch-event"],
    });
    return component;
  } finally {
    await rm(folder, { recursive: true });
  }
}
