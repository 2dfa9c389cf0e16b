// An app whose modules cannot be loaded: what the engine says about it, as a place in the author's code.

import { isAbsolute, resolve } from "node:path";

import { originalPosition } from "../../runtime/positions.mjs";

/** A position in the bundle, as either engine writes it. */
const POSITION = /(?:app|user)\.js:(\d+):(\d+)/g;
/** What was thrown: `app.js:1:2 RangeError: …` of SpiderMonkey, `…evaluation: RangeError: …` of QuickJS. */
const THROWN = [/^app\.js:\d+:\d+ (.*)$/m, /JavaScript module[^:]*: (?:Failed to finish JavaScript module evaluation: )?(.*)$/m];

/**
 * @param {string} output what the engine wrote
 * @param {import("../../runtime/positions.mjs").PositionTable} positions
 * @param {string} app the app's folder
 * @returns {import("./report.mjs").Problem}
 */
export function loadingProblem(output, positions, app) {
  const places = [...output.matchAll(POSITION)].map(([, line, column]) => originalPosition(positions, Number(line), Number(column))).filter((place) => place !== undefined);
  // The author's own line says more than that of a package which it calls.
  const place = places.find(({ source }) => !/(^|\/)node_modules\//.test(source)) ?? places[0];
  const thrown = THROWN.map((pattern) => pattern.exec(output)?.[1]).find((text) => text !== undefined);
  const message = thrown?.replace(/^Error: /, "").replace(/:$/, "") ?? firstLine(output);
  // What the SDK finds wrong with the app's functions and events says the remedy itself.
  if (message.startsWith("the entry exports no functions")) {
    return { message };
  }
  if (/^(function `|the schema of event `)/.test(message)) {
    return { message, help: "docs/functions.md has every option, and what it takes" };
  }
  return {
    ...(place === undefined ? {} : { file: isAbsolute(place.source) ? place.source : resolve(app, place.source), line: place.line, column: place.column }),
    message: /when the app is built/.test(message) ? message : `the module cannot be loaded: ${message}`,
    help: "a module's own code runs once, when the app is built, without variables, network, files and timers: make what needs them in a function that is called in the body of a step",
  };
}

function firstLine(output) {
  return output.split("\n").find((line) => line.trim() !== "")?.trim() ?? "the engine does not say why";
}
