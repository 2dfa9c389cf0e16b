// Where a place of the bundle comes from: read by the build, for errors while an app is loaded, and in the guest, for stacks. Plain JavaScript, so
// that both can.

/** The digits of base 64 VLQ. */
export const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The numbers that a text in base 64 VLQ holds. */
export function decode(text) {
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

/** The lines of tables that were asked before: a stack asks once a frame. */
const linesOf = new WeakMap();

/** The author's position for one of the bundle; all are counted from 1. Nothing for code that is not the author's. */
export function originalPosition(table, line, column) {
  let lines = linesOf.get(table);
  if (lines === undefined) {
    lines = table.lines.split(";");
    linesOf.set(table, lines);
  }
  const at = [0, 0, 0, 0];
  let found;
  for (const segment of (lines[line - 1] ?? "").split(",").filter((text) => text !== "")) {
    decode(segment).forEach((delta, field) => {
      at[field] += delta;
    });
    if (at[0] > column - 1) {
      break;
    }
    found = { source: table.sources[at[1]], line: at[2] + 1, column: at[3] + 1 };
  }
  return found;
}
