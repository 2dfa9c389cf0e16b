// The default engine: SpiderMonkey in its form for components.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { withWorld } from "../lib/world.mjs";

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
    const { component } = await withWorld("starlingmonkey", sdk, (witPath) =>
      componentize({ sourcePath, witPath, worldName: "starlingmonkey", disableFeatures: ["fetch-event"] }),
    );
    return component;
  } finally {
    await rm(folder, { recursive: true });
  }
}
