// A module as it is after its initialisation: its memory becomes its data.
//
// The engine is started, loads the app's modules and stops there, all of it in this process; what it then has in memory is where every instance begins.

import { Reader, SECTION, s32, u32, withSections, name } from "./binary.mjs";

const PAGE = 65_536;
/** Zeros that are worth a segment of their own less than this are kept. */
const SMALLEST_GAP = 64;
/** Engines refuse modules with more segments, and each costs a little at every start. */
const MAX_SEGMENTS = 10_000;

const GLOBAL_EXPORT = "abide:stack-pointer";
const I32 = 0x7f;
const END = 0x0b;

/** What only initialises: a finished module must not offer it. */
const INITIALISERS = new Set(["_initialize", "componentize.wizer"]);

/** @param {Uint8Array} content of a section of exports */
function exportsOf(content) {
  const reader = new Reader(content);
  const found = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    const label = reader.name();
    found.push({ label, kind: reader.byte(), index: reader.u32() });
  }
  return found;
}

const exportSection = (list) => Buffer.concat([u32(list.length), ...list.flatMap(({ label, kind, index }) => [name(label), Buffer.from([kind]), u32(index)])]);

/**
 * The module to run: it also shows its one global, the stack pointer.
 * @param {Uint8Array} module
 */
export function observable(module) {
  return withSections(module, (id, content) => (id === SECTION.export ? exportSection([...exportsOf(content), { label: GLOBAL_EXPORT, kind: 3, index: 0 }]) : content));
}

/**
 * The module to keep.
 * @param {Uint8Array} module
 */
export function finished(module) {
  return withSections(module, (id, content) => (id === SECTION.export ? exportSection(exportsOf(content).filter(({ label }) => !INITIALISERS.has(label))) : content));
}

/**
 * Puts the memory of an initialised instance into a module with the same memory and global.
 * @param {Uint8Array} module
 * @param {Record<string, any>} exports of the instance
 */
export function withMemoryOf(module, exports) {
  const memory = new Uint8Array(exports.memory.buffer);
  const segments = segmentsOf(memory);
  return withSections(module, (id, content) => {
    switch (id) {
      case SECTION.memory:
        return grown(content, memory.length / PAGE);
      case SECTION.global:
        expectGlobal(content, exports[GLOBAL_EXPORT].value);
        return content;
      case SECTION.dataCount:
        return u32(segments.length);
      case SECTION.data:
        expectActive(content);
        return Buffer.concat([u32(segments.length), ...segments.flatMap(({ start, end }) => segment(start, memory.subarray(start, end)))]);
      default:
        return content;
    }
  });
}

/** @returns {(Uint8Array)[]} */
function segment(start, bytes) {
  return [Buffer.from([0, 0x41]), s32(start), Buffer.from([END]), u32(bytes.length), bytes];
}

/** The parts of the memory that are not zero. */
function segmentsOf(memory) {
  const words = new BigUint64Array(memory.buffer, 0, memory.length / 8);
  const found = [];
  for (let word = 0; word < words.length; word += 1) {
    if (words[word] === 0n) {
      continue;
    }
    const start = word * 8;
    while (word < words.length && words[word] !== 0n) {
      word += 1;
    }
    const end = word * 8;
    const last = found[found.length - 1];
    if (last !== undefined && start - last.end < SMALLEST_GAP) {
      last.end = end;
    } else {
      found.push({ start, end });
    }
  }
  return fewer(found);
}

/** Joins those with the least between them until there are few enough. */
function fewer(segments) {
  if (segments.length <= MAX_SEGMENTS) {
    return segments;
  }
  const gaps = segments.slice(1).map(({ start }, index) => start - segments[index].end);
  const limit = [...gaps].sort((a, b) => b - a)[MAX_SEGMENTS - 1];
  const joined = [{ ...segments[0] }];
  segments.slice(1).forEach((next, index) => {
    if (gaps[index] > limit) {
      joined.push({ ...next });
    } else {
      joined[joined.length - 1].end = next.end;
    }
  });
  return joined;
}

function grown(content, pages) {
  const reader = new Reader(content);
  const count = reader.u32();
  const flags = reader.byte();
  reader.u32();
  if (count !== 1 || flags > 1) {
    throw new Error("the engine has more than one plain memory");
  }
  const maximum = flags === 1 ? u32(reader.u32()) : Buffer.alloc(0);
  return Buffer.concat([u32(1), Buffer.from([flags]), u32(pages), maximum]);
}

function expectGlobal(content, value) {
  const reader = new Reader(content);
  const [count, type] = [reader.u32(), reader.byte()];
  reader.byte();
  const [instruction, initial] = [reader.byte(), reader.s32()];
  if (count !== 1 || type !== I32 || instruction !== 0x41 || initial !== value) {
    throw new Error("the engine has other globals than its stack pointer, or left it changed");
  }
}

function expectActive(content) {
  const reader = new Reader(content);
  for (let left = reader.u32(); left > 0; left -= 1) {
    if (reader.u32() !== 0 || reader.byte() !== 0x41) {
      throw new Error("the engine has data that is not placed when it starts");
    }
    reader.s32();
    reader.byte();
    reader.take(reader.u32());
  }
}
