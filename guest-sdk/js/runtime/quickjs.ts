/**
 * QuickJS: the globals that the engine lacks, and how the SDK drives it.
 *
 * It is the first module of a bundle: what follows, the SDK included, finds the globals in place. It must not be told apart from StarlingMonkey by
 * what an author writes.
 */
import URL from "core-js-pure/stable/url/index.js";
import URLSearchParams from "core-js-pure/stable/url-search-params/index.js";
import structuredClone from "core-js-pure/stable/structured-clone.js";
import { ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, TransformStream, WritableStream } from "web-streams-polyfill";
import { getEnvironment } from "host:cli/environment@0.2.6";

import { installEnvironment } from "./environment.ts";
import { LibraryPromise, enqueueJob, runJobs } from "./promise.ts";
import { crypto } from "./quickjs/crypto.ts";
import { TextDecoder, TextEncoder } from "./quickjs/encoding.ts";
import { AbortController, AbortSignal, CustomEvent, Event, EventTarget } from "./quickjs/events.ts";
import { fetch } from "./quickjs/fetch.ts";
import { Headers } from "./quickjs/headers.ts";
import { clearTimer, setInterval, setTimeout, wait } from "./quickjs/loop.ts";
import { Request, Response } from "./quickjs/messages.ts";
import { mapStack } from "./stack.ts";

type Global = Record<string, unknown>;

/** Names that code looks for, and that must not show up when the global object is listed. */
function install(values: Global): void {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

/** The SDK takes the place of these; until then, while modules are loaded, there is nobody to read them. */
function silent(): void {}

const environment = (): Record<string, string> => Object.fromEntries(getEnvironment());

/** As everywhere, what such a callback throws reaches nobody who called. */
function microtask(callback: () => void): void {
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

async function fromAsync(items: AsyncIterable<unknown> | Iterable<unknown>, map?: (item: unknown, index: number) => unknown): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) {
    all.push(map === undefined ? item : await map(item, all.length));
  }
  return all;
}

install({
  Promise: LibraryPromise,
  queueMicrotask: microtask,
  console: { log: silent, debug: silent, info: silent, warn: silent, error: silent, trace: silent },
  setTimeout,
  setInterval,
  clearTimeout: clearTimer,
  clearInterval: clearTimer,
  fetch,
  Headers,
  Request,
  Response,
  URL,
  URLSearchParams,
  TextEncoder,
  TextDecoder,
  structuredClone,
  AbortController,
  AbortSignal,
  Event,
  CustomEvent,
  EventTarget,
  ReadableStream,
  WritableStream,
  TransformStream,
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  crypto,
  self: globalThis,
});
// It gives a promise of the engine's own kind.
Object.defineProperty(Array, "fromAsync", { value: fromAsync, writable: true, configurable: true, enumerable: false });
installEnvironment(environment);

export const engine = {
  name: "quickjs" as const,
  drive: "sync" as const,
  drain: runJobs,
  wait,
  mapStack,
  environment,
};

export { functionsFor, operationsFor } from "./quickjs/contract.ts";
