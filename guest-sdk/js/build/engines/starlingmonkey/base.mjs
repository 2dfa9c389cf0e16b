// The engine with the contract's bindings, before any app: what all builds of the same tools share.
//
// It takes most of the time that a build would take, so it is made once and kept beside the tools.

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { CORE_MODULE, sections } from "./binary.mjs";
import { finished, observable } from "./snapshot.mjs";

/** To be raised when what is kept changes its form. */
const FORM = 1;
/** Without serving requests: events start functions. */
const FEATURES = ["stdio", "random", "clocks", "http"];

/**
 * @typedef {object} Base
 * @property {Buffer} engine the module to run
 * @property {Buffer} initializer the script that connects the app's exports
 * @property {Record<string, string>} variables what the engine is told about exports and imports
 * @property {Buffer} module the module to put the memory into
 * @property {Buffer} before what stands before it in the component
 * @property {Buffer} after what stands behind it
 */

const PARTS = ["engine", "initializer", "variables", "module", "before", "after"];

/**
 * @param {string} wit the folder of the world
 * @param {import("../../lib/tools.mjs").Tools} tools
 * @param {() => void} onMake called if it is not there yet
 * @returns {Promise<Base>}
 */
export async function baseFor(wit, tools, onMake) {
  const folder = join(tools.kept(), `starlingmonkey-${await hashOf(wit, tools)}`);
  const kept = await read(folder);
  if (kept !== undefined) {
    return kept;
  }
  onMake();
  const made = await make(wit, tools);
  await keep(folder, made);
  return made;
}

async function read(folder) {
  try {
    const parts = await Promise.all(PARTS.map((part) => readFile(join(folder, part))));
    const base = Object.fromEntries(PARTS.map((part, index) => [part, parts[index]]));
    return { ...base, variables: JSON.parse(base.variables.toString()) };
  } catch (error) {
    if (error.code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}

/** Another build may do the same at the same time: whole folders take each other's place. */
async function keep(folder, base) {
  try {
    await mkdir(dirname(folder), { recursive: true });
    const partial = await mkdtemp(`${folder}-`);
    await Promise.all(PARTS.map((part) => writeFile(join(partial, part), part === "variables" ? JSON.stringify(base[part]) : base[part])));
    await rename(partial, folder).catch(() => rm(partial, { recursive: true }));
  } catch (error) {
    // A folder of tools that cannot be written to only costs time.
    if (!["EACCES", "EROFS", "EPERM"].includes(error.code)) {
      throw error;
    }
  }
}

async function hashOf(wit, tools) {
  const hash = createHash("sha256").update(`${FORM}\n${FEATURES}\n`);
  hash.update(await readFile(tools.path("@bytecodealliance/componentize-js/package.json")));
  hash.update(await readFile(tools.path("@bytecodealliance/jco/package.json")));
  for (const entry of (await readdir(wit, { recursive: true })).sort()) {
    if (entry.endsWith(".wit")) {
      hash.update(`${entry}\n`).update(await readFile(join(wit, entry)));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

/** @returns {Promise<Base>} */
async function make(wit, tools) {
  const { splicer } = await tools.load("splicer");
  const { componentNew, metadataAdd, preview1AdapterReactorPath } = await tools.load("jco");
  const engine = await readFile(tools.path("@bytecodealliance/componentize-js/lib/starlingmonkey_embedding.wasm"));
  const { wasm, jsBindings, exports, imports } = splicer.spliceBindings(engine, FEATURES, undefined, wit, "starlingmonkey", false);
  const stubbed = splicer.stubWasi(finished(wasm), FEATURES, undefined, wit, "starlingmonkey");
  const adapter = await readFile(preview1AdapterReactorPath());
  const component = Buffer.from(
    await metadataAdd(await componentNew(stubbed, [["wasi_snapshot_preview1", adapter]], false), [["language", [["JavaScript", ""]]]]),
  );
  const modules = sections(component).filter(({ id }) => id === CORE_MODULE);
  const { start, end, content } = modules.reduce((largest, next) => (next.content.length > largest.content.length ? next : largest));
  return {
    engine: observable(wasm),
    initializer: Buffer.from(jsBindings),
    variables: variablesFor(exports, imports),
    module: Buffer.from(content),
    before: component.subarray(0, start),
    after: component.subarray(end),
  };
}

/** How the engine learns what it exports and imports. */
function variablesFor(exports, imports) {
  const variables = { DEBUG: "", SOURCE_NAME: "app.js", EXPORT_CNT: String(exports.length), FEATURE_CLOCKS: "1", IMPORT_CNT: String(imports.length) };
  exports.forEach(([name, { params, paramptr, ret, retptr, retsize }], index) => {
    variables[`EXPORT${index}_NAME`] = name;
    variables[`EXPORT${index}_ARGS`] = `${paramptr ? "*" : ""}${params.join(",")}`;
    variables[`EXPORT${index}_RET`] = `${retptr ? "*" : ""}${ret ?? ""}`;
    variables[`EXPORT${index}_RETSIZE`] = String(retsize);
  });
  imports.forEach(([, name, count], index) => {
    variables[`IMPORT${index}_NAME`] = name;
    variables[`IMPORT${index}_ARGCNT`] = String(count);
  });
  return variables;
}

