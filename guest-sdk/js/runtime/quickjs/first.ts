/** What must be in place before any other module is evaluated: packages keep the `Promise` that they find when they are loaded. */
import { LibraryPromise, enqueueJob } from "../promise.ts";
import { define } from "./define.ts";

/** As everywhere, what such a callback throws reaches nobody who called. */
function queueMicrotask(callback: () => void): void {
  if (typeof callback !== "function") {
    throw new TypeError("queueMicrotask needs a function");
  }
  enqueueJob(() => {
    try {
      callback();
    } catch (error) {
      console.error(error);
    }
  });
}

/** The SDK takes the place of these; until then, while modules are loaded, there is nobody to read them. */
function silent(): void {}

define({
  Promise: LibraryPromise,
  queueMicrotask,
  console: { log: silent, debug: silent, info: silent, warn: silent, error: silent, trace: silent },
});
