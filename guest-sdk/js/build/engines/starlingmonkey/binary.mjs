// The binary format of WebAssembly modules and components, as far as a snapshot needs it: sections, and numbers of variable length.

/** Ids of sections of a core module. */
export const SECTION = { memory: 5, global: 6, export: 7, data: 11, dataCount: 12 };
/** Id of the section of a component that holds a core module. */
export const CORE_MODULE = 1;
/** Magic and version: eight bytes. */
export const HEADER = 8;

/** Reads one thing after another. */
export class Reader {
  /** @param {Uint8Array} bytes @param {number} [at] */
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** An unsigned number. */
  u32() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        return value;
      }
    }
  }

  /** A signed number. */
  s32() {
    let value = 0;
    for (let shift = 0; ; ) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) {
        return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value;
      }
    }
  }

  take(length) {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  name() {
    return Buffer.from(this.take(this.u32())).toString("utf8");
  }
}

/** @param {number} value @returns {Buffer} */
export function u32(value) {
  const bytes = [];
  for (let rest = value; ; ) {
    const byte = rest % 0x80;
    rest = Math.floor(rest / 0x80);
    bytes.push(rest > 0 ? byte | 0x80 : byte);
    if (rest === 0) {
      return Buffer.from(bytes);
    }
  }
}

/** @param {number} value @returns {Buffer} */
export function s32(value) {
  const bytes = [];
  for (let rest = value | 0; ; ) {
    const byte = rest & 0x7f;
    rest >>= 7;
    const last = (rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0);
    bytes.push(last ? byte : byte | 0x80);
    if (last) {
      return Buffer.from(bytes);
    }
  }
}

/** @param {string} text @returns {Buffer} */
export function name(text) {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([u32(bytes.length), bytes]);
}

/**
 * The sections of a module or component, in their order.
 * @param {Uint8Array} binary
 * @returns {{ id: number, content: Uint8Array, start: number, end: number }[]} `start` and `end` hold the section with its header
 */
export function sections(binary) {
  const reader = new Reader(binary, HEADER);
  const found = [];
  while (reader.at < binary.length) {
    const start = reader.at;
    const id = reader.byte();
    const content = reader.take(reader.u32());
    found.push({ id, content, start, end: reader.at });
  }
  return found;
}

/** @param {number} id @param {Uint8Array} content @returns {Buffer} */
export function section(id, content) {
  return Buffer.concat([Buffer.from([id]), u32(content.length), content]);
}

/**
 * A module whose sections are changed.
 * @param {Uint8Array} binary
 * @param {(id: number, content: Uint8Array) => Uint8Array} change the new content
 * @returns {Buffer}
 */
export function withSections(binary, change) {
  const parts = [binary.subarray(0, HEADER)];
  for (const { id, content } of sections(binary)) {
    parts.push(section(id, change(id, content)));
  }
  return Buffer.concat(parts);
}
