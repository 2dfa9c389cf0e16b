/**
 * Stacks in the author's terms: `at fulfil (src/orders.ts:12:5)` for a position in the bundle.
 *
 * The build leaves a table on the global object. Each line of the bundle is encoded on its own, so that one stack decodes a few lines and not
 * the whole.
 */

export interface PositionTable {
  /** Paths as they are shown. */
  readonly sources: readonly string[];
  /** Line by line, separated by `;`: groups of column, source, line and column, each the difference to the group before, in base 64 VLQ. */
  readonly lines: string;
}

const TABLE = Symbol.for("abide.positions");
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** `name@app.js:1:2` of SpiderMonkey, `at name (componentize-qjs:user.js:1:2)` of QuickJS and V8. */
const FRAME = /^(?:\s*at (?:async )?(?:(.+?) \()?|(.*)@)[^\s()@]*?([^\s()@/:]+):(\d+):(\d+)\)?$/;

/** What the engines call the bundle. */
const BUNDLES = new Set(["app.js", "user.js"]);

let decoded: string[] | undefined;

function numbers(text: string): number[] {
  const values: number[] = [];
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

/** The author's position for one of the bundle, both counted from 1; nothing for code that is not the author's. */
function original(table: PositionTable, line: number, column: number): string | undefined {
  decoded ??= table.lines.split(";");
  const [at, found] = [[0, 0, 0, 0], [-1, 0, 0, 0]] as [number[], number[]];
  for (const segment of (decoded[line - 1] ?? "").split(",")) {
    if (segment === "") {
      continue;
    }
    numbers(segment).forEach((delta, field) => {
      at[field] = (at[field] as number) + delta;
    });
    if ((at[0] as number) > column - 1) {
      break;
    }
    found.splice(0, 4, ...at);
  }
  const [start, source, sourceLine, sourceColumn] = found as [number, number, number, number];
  const file = start < 0 ? undefined : table.sources[source];
  return file === undefined ? undefined : `${file}:${sourceLine + 1}:${sourceColumn + 1}`;
}

/** A function's name without what the engine adds to it. */
function nameOf(name: string | undefined): string {
  const last = (name ?? "")
    .replace(/^.*\*/, "")
    .replace(/[/<]+$/, "")
    .split(/[/.]/)
    .pop();
  return last === undefined || last === "" || last === "<anonymous>" || last === "anonymous" ? "" : last;
}

/** Maps the positions of a stack and leaves out what is not the author's. A stack without a single position of theirs stays as it is. */
export function mapStack(stack: string): string {
  const table = (globalThis as { [TABLE]?: PositionTable })[TABLE];
  if (table === undefined) {
    return stack;
  }
  const frames: string[] = [];
  for (const line of stack.split("\n")) {
    const frame = FRAME.exec(line);
    if (frame === null || !BUNDLES.has(frame[3] as string)) {
      continue;
    }
    const place = original(table, Number(frame[4]), Number(frame[5]));
    if (place !== undefined) {
      const name = nameOf(frame[1] ?? frame[2]);
      frames.push(name === "" ? `    at ${place}` : `    at ${name} (${place})`);
    }
  }
  return frames.length === 0 ? stack : frames.join("\n");
}
