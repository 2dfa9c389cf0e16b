/**
 * QuickJS: the globals that the engine lacks, and how the SDK drives it.
 *
 * It is the first module of a bundle: what follows, the SDK included, finds the globals in place. It must not be told apart from StarlingMonkey by
 * what an author writes.
 */
import "./quickjs/first.ts";

import URL from "core-js-pure/stable/url/index.js";
import URLSearchParams from "core-js-pure/stable/url-search-params/index.js";
import { ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, TransformStream, WritableStream } from "web-streams-polyfill";
import { getEnvironment } from "host:cli/environment@0.2.6";

import { installEnvironment } from "./environment.ts";
import { runJobs } from "./promise.ts";
import { structuredClone } from "./quickjs/clone.ts";
import { crypto } from "./quickjs/crypto.ts";
import { define } from "./quickjs/define.ts";
import { TextDecoder, TextEncoder } from "./quickjs/encoding.ts";
import { AbortController, AbortSignal, CustomEvent, Event, EventTarget } from "./quickjs/events.ts";
import { fetch } from "./quickjs/fetch.ts";
import { Headers } from "./quickjs/headers.ts";
import { clearTimer, setInterval, setTimeout, wait } from "./quickjs/loop.ts";
import { Request, Response } from "./quickjs/messages.ts";
import { mapStack } from "./stack.ts";

const environment = (): Record<string, string> => Object.fromEntries(getEnvironment());

async function fromAsync(items: AsyncIterable<unknown> | Iterable<unknown>, map?: (item: unknown, index: number) => unknown): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) {
    all.push(map === undefined ? item : await map(item, all.length));
  }
  return all;
}

define({
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

export { functionsFor, loggingFor, operationsFor } from "./quickjs/contract.ts";
