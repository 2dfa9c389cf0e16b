// The host that an app sees while it is built: a few files, a clock that does not depend on the time, random numbers that depend on nothing but a seed.
//
// The same input gives the same bytes because nothing of the machine gets in here.

import { createHash } from "node:crypto";

const SUCCESS = 0;
const BADF = 8;
const INVAL = 28;
const NOENT = 44;
const NOTSUP = 58;

const FIRST_FILE = 4;
const ROOT = 3;
const REGULAR_FILE = 4;
const DIRECTORY = 3;
const CHARACTER_DEVICE = 2;
const ALL_RIGHTS = 0xffff_ffffn;

/** The app ended the process that it was initialised in. */
export class Exit extends Error {
  constructor(code) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/**
 * @typedef {object} World
 * @property {string} input what standard input gives
 * @property {Record<string, string>} variables
 * @property {Record<string, Uint8Array>} files by their names below `/`
 * @property {string} seed
 */

/** WASI preview 1 for one initialisation. */
export class Wasi {
  /** What was written to standard output and error. */
  output = "";
  #memory;
  #open = new Map();
  #nextFile = FIRST_FILE;
  #now = 0n;
  #drawn = 0;
  #world;

  /** @param {World} world */
  constructor(world) {
    this.#world = world;
    this.#open.set(0, { bytes: Buffer.from(world.input), at: 0 });
  }

  /** @param {WebAssembly.Memory} memory */
  begin(memory) {
    this.#memory = memory;
  }

  /** Nanoseconds; they go on by a little at every look, for code that waits for them. */
  now() {
    this.#now += 1_000n;
    return this.#now;
  }

  /** @param {number} length @returns {Buffer} */
  random(length) {
    const parts = [];
    for (let have = 0; have < length; have += 32) {
      this.#drawn += 1;
      parts.push(createHash("sha256").update(`${this.#drawn}:${this.#world.seed}`).digest());
    }
    return Buffer.concat(parts).subarray(0, length);
  }

  #view() {
    return new DataView(this.#memory.buffer);
  }

  #bytes(at, length) {
    return new Uint8Array(this.#memory.buffer, at, length);
  }

  /** Calls back with each of the buffers that a call lists. */
  *#buffers(list, count) {
    for (let index = 0; index < count; index += 1) {
      const view = this.#view();
      yield this.#bytes(view.getUint32(list + index * 8, true), view.getUint32(list + index * 8 + 4, true));
    }
  }

  #strings(values, pointers, texts) {
    let at = texts;
    values.forEach((value, index) => {
      const bytes = Buffer.from(`${value}\0`);
      this.#view().setUint32(pointers + index * 4, at, true);
      this.#bytes(at, bytes.length).set(bytes);
      at += bytes.length;
    });
    return SUCCESS;
  }

  #sizes(values, count, size) {
    this.#view().setUint32(count, values.length, true);
    this.#view().setUint32(size, values.reduce((sum, value) => sum + Buffer.byteLength(value) + 1, 0), true);
    return SUCCESS;
  }

  #stat(at, type, size) {
    this.#bytes(at, 64).fill(0);
    this.#view().setUint8(at + 16, type);
    this.#view().setBigUint64(at + 32, BigInt(size), true);
    return SUCCESS;
  }

  #path(at, length) {
    return Buffer.from(this.#bytes(at, length)).toString("utf8").replace(/^(?:\.?\/)+/, "");
  }

  /** The functions of the module `wasi_snapshot_preview1`. */
  imports() {
    const variables = Object.entries(this.#world.variables).map(([key, value]) => `${key}=${value}`);
    return {
      args_sizes_get: (count, size) => this.#sizes(["app"], count, size),
      args_get: (pointers, texts) => this.#strings(["app"], pointers, texts),
      environ_sizes_get: (count, size) => this.#sizes(variables, count, size),
      environ_get: (pointers, texts) => this.#strings(variables, pointers, texts),
      clock_time_get: (_clock, _precision, at) => {
        this.#view().setBigUint64(at, this.now(), true);
        return SUCCESS;
      },
      random_get: (at, length) => {
        this.#bytes(at, length).set(this.random(length));
        return SUCCESS;
      },
      proc_exit: (code) => {
        throw new Exit(code);
      },
      fd_write: (file, list, count, written) => {
        if (file !== 1 && file !== 2) {
          return BADF;
        }
        let length = 0;
        for (const bytes of this.#buffers(list, count)) {
          this.output += Buffer.from(bytes).toString("utf8");
          length += bytes.length;
        }
        this.#view().setUint32(written, length, true);
        return SUCCESS;
      },
      fd_read: (file, list, count, read) => {
        const open = this.#open.get(file);
        if (open === undefined) {
          return BADF;
        }
        let length = 0;
        for (const bytes of this.#buffers(list, count)) {
          const part = open.bytes.subarray(open.at, open.at + bytes.length);
          bytes.set(part);
          open.at += part.length;
          length += part.length;
        }
        this.#view().setUint32(read, length, true);
        return SUCCESS;
      },
      fd_seek: (file, offset, whence, at) => {
        const open = this.#open.get(file);
        if (open === undefined || file === 0) {
          return open === undefined ? BADF : NOTSUP;
        }
        open.at = Number(offset) + [0, open.at, open.bytes.length][whence];
        this.#view().setBigUint64(at, BigInt(open.at), true);
        return SUCCESS;
      },
      fd_close: (file) => (this.#open.delete(file) ? SUCCESS : BADF),
      fd_fdstat_get: (file, at) => {
        if (file > ROOT && !this.#open.has(file)) {
          return BADF;
        }
        this.#bytes(at, 24).fill(0);
        this.#view().setUint8(at, file < ROOT ? CHARACTER_DEVICE : file === ROOT ? DIRECTORY : REGULAR_FILE);
        this.#view().setBigUint64(at + 8, ALL_RIGHTS, true);
        this.#view().setBigUint64(at + 16, ALL_RIGHTS, true);
        return SUCCESS;
      },
      fd_fdstat_set_flags: () => SUCCESS,
      fd_filestat_get: (file, at) => {
        const open = this.#open.get(file);
        return open === undefined ? BADF : this.#stat(at, REGULAR_FILE, open.bytes.length);
      },
      fd_prestat_get: (file, at) => {
        if (file !== ROOT) {
          return BADF;
        }
        this.#view().setUint32(at, 0, true);
        this.#view().setUint32(at + 4, 1, true);
        return SUCCESS;
      },
      fd_prestat_dir_name: (file, at, length) => {
        if (file !== ROOT || length < 1) {
          return INVAL;
        }
        this.#bytes(at, 1).set(Buffer.from("/"));
        return SUCCESS;
      },
      fd_readdir: () => NOTSUP,
      path_filestat_get: (_folder, _flags, path, length, at) => {
        const bytes = this.#world.files[this.#path(path, length)];
        return bytes === undefined ? NOENT : this.#stat(at, REGULAR_FILE, bytes.length);
      },
      path_open: (_folder, _lookup, path, length, _how, _rights, _inheriting, _flags, at) => {
        const bytes = this.#world.files[this.#path(path, length)];
        if (bytes === undefined) {
          return NOENT;
        }
        this.#open.set(this.#nextFile, { bytes: Buffer.from(bytes), at: 0 });
        this.#view().setUint32(at, this.#nextFile, true);
        this.#nextFile += 1;
        return SUCCESS;
      },
      path_remove_directory: () => NOTSUP,
      path_unlink_file: () => NOTSUP,
    };
  }
}
