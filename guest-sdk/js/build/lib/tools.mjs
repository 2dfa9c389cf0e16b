// The pinned tools, which lie in a folder of their own and not beside this script.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The modules that are used, by the file to load: some packages list no main entry that `require.resolve` would find. */
const FILES = {
  esbuild: "esbuild/lib/main.js",
  "oxc-parser": "oxc-parser/index.js",
  jco: "@bytecodealliance/jco/src/api.js",
  "regexpu-core": "regexpu-core/rewrite-pattern.js",
  splicer: "@bytecodealliance/componentize-js/lib/spidermonkey-embedding-splicer.js",
  "componentize-qjs": "componentize-qjs/index.js",
};

/** The tools of one build. */
export class Tools {
  #folder;

  /** @param {string} folder */
  constructor(folder) {
    this.#folder = folder;
  }

  /** A path below the tools' node_modules. */
  path(...parts) {
    return join(this.#folder, "node_modules", ...parts);
  }

  /** The folder for what builds keep: it is as good as empty. */
  kept() {
    return join(this.#folder, "kept");
  }

  /**
   * @param {keyof typeof FILES} name
   * @returns {Promise<any>} the module
   */
  async load(name) {
    const module = await import(pathToFileURL(this.path(FILES[name])).href);
    return module.default !== undefined && Object.keys(module).length === 1 ? module.default : module;
  }
}
