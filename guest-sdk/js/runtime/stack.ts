/**
 * Stacks in the author's terms: `at fulfil (src/orders.ts:12:5)` for a position in the bundle.
 *
 * The build leaves a table on the global object. Each line of the bundle is encoded on its own, so that one stack decodes a few lines and not
 * the whole.
 */

import { type PositionTable, originalPosition } from "./positions.mjs";

const TABLE = Symbol.for("abide.positions");

/** `name@app.js:1:2` of SpiderMonkey, `at name (componentize-qjs:user.js:1:2)` of QuickJS and V8. */
const FRAME = /^(?:\s*at (?:async )?(?:(.+?) \()?|(.*)@)[^\s()@]*?([^\s()@/:]+):(\d+):(\d+)\)?$/;

/** What the engines call the bundle. */
const BUNDLES = new Set(["app.js", "user.js"]);

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
    const found = originalPosition(table, Number(frame[4]), Number(frame[5]));
    if (found !== undefined) {
      const place = `${found.source}:${found.line}:${found.column}`;
      const name = nameOf(frame[1] ?? frame[2]);
      frames.push(name === "" ? `    at ${place}` : `    at ${name} (${place})`);
    }
  }
  return frames.length === 0 ? stack : frames.join("\n");
}
