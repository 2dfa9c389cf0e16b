// The WIT of one engine: its world, what of WASI that names, and the contract as the SDK carries it.

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Lays the packages of a world side by side, for as long as `use` takes.
 * @template T
 * @param {"starlingmonkey" | "quickjs"} engine
 * @param {string} sdk the folder of the SDK
 * @param {(folder: string) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withWorld(engine, sdk, use) {
  const folder = await mkdtemp(join(tmpdir(), "abide-wit-"));
  try {
    await cp(fileURLToPath(new URL(`../engines/${engine}/wit`, import.meta.url)), folder, { recursive: true });
    await cp(join(sdk, "wit"), join(folder, "deps", "abide-durable"), { recursive: true, dereference: true });
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
