// From the bundler's source map to the table that `runtime/positions.mjs` reads.
//
// The table keeps what a stack shows: positions in the author's files and, coarsely, in packages. Each line is encoded on its own.

import { DIGITS, decode } from "../../runtime/positions.mjs";

/** Modules that nobody wants to see in a stack: the SDK, the runtime, what the build generates. */
const OURS = /^(?:sdk|abide|package|builtin):/;
const OF_A_PACKAGE = /(?:^|\/)node_modules\//;

/**
 * @param {{ sources: string[], mappings: string }} map
 * @returns {import("../../runtime/positions.mjs").PositionTable}
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
