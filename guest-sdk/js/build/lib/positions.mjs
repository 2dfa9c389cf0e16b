// From the bundler's source map to the table that `runtime/stack.ts` reads.
//
// The table keeps what a stack shows: positions in the author's files and, coarsely, in packages. Each line is encoded on its own.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Modules that nobody wants to see in a stack: the SDK, the runtime, what the build generates. */
const OURS = /^(?:sdk|abide|package|builtin):/;
const OF_A_PACKAGE = /(?:^|\/)node_modules\//;

/**
 * @typedef {object} PositionTable
 * @property {string[]} sources
 * @property {string} lines
 */

/**
 * @param {{ sources: string[], mappings: string }} map
 * @returns {PositionTable}
 */
export function positionTable({ sources, mappings }) {
  const kept = [];
  const numbers = new Map();
  const numberOf = (source) => {
    if (!numbers.has(source)) {
      numbers.set(source, kept.push(sources[source]) - 1);
    }
    return numbers.get(source);
  };
  // The fields of a map that go on from line to line.
  const last = [0, 0, 0, 0];
  const lines = mappings.split(";").map((line) => {
    last[0] = 0;
    let [column, source, sourceLine, sourceColumn] = [0, 0, 0, 0];
    let coarse;
    const segments = [];
    for (const text of line === "" ? [] : line.split(",")) {
      const fields = decode(text);
      fields.slice(0, 4).forEach((delta, field) => {
        last[field] += delta;
      });
      if (fields.length < 4 || OURS.test(sources[last[1]])) {
        continue;
      }
      const place = `${last[1]}:${last[2]}`;
      if (OF_A_PACKAGE.test(sources[last[1]]) && coarse === place) {
        continue;
      }
      coarse = place;
      const number = numberOf(last[1]);
      segments.push([last[0] - column, number - source, last[2] - sourceLine, last[3] - sourceColumn].map(encode).join(""));
      [column, source, sourceLine, sourceColumn] = [last[0], number, last[2], last[3]];
    }
    return segments.join(",");
  });
  return { sources: kept, lines: lines.join(";") };
}

function decode(text) {
  const values = [];
  let value = 0;
  let shift = 0;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    value += (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) === 0) {
      values.push((value & 1) === 1 ? -(value >>> 1) : value >>> 1);
      value = 0;
      shift = 0;
    }
  }
  return values;
}

function encode(value) {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = "";
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += DIGITS[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}

/**
 * The author's position for one of the bundle; all are counted from 1.
 * @param {PositionTable} table
 * @returns {{ source: string, line: number, column: number } | undefined}
 */
export function originalPosition({ sources, lines }, line, column) {
  const at = [0, 0, 0, 0];
  let found;
  for (const segment of (lines.split(";")[line - 1] ?? "").split(",").filter((text) => text !== "")) {
    decode(segment).forEach((delta, field) => {
      at[field] += delta;
    });
    if (at[0] > column - 1) {
      break;
    }
    found = { source: sources[at[1]], line: at[2] + 1, column: at[3] + 1 };
  }
  return found;
}
