/**
 * StarlingMonkey: what the engine lacks, and how the SDK drives it.
 *
 * It is the first module of a bundle: what follows, the SDK included, finds the globals in place.
 */
import { getEnvironment } from "wasi:cli/environment@0.2.10";

import { installEnvironment } from "./environment.ts";
import { mapStack } from "./stack.ts";

// The SDK guards the one that authors see.
const nativeSetTimeout = globalThis.setTimeout;

const environment = (): Record<string, string> => Object.fromEntries(getEnvironment());

installEnvironment(environment);

type Streams = { values?: unknown; [Symbol.asyncIterator]?: unknown };

/** `for await` over a stream, such as a response's body: the engine's streams do not have it. */
async function* values(this: ReadableStream<unknown>, { preventCancel = false } = {}): AsyncGenerator<unknown> {
  const reader = this.getReader();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        ended = true;
        return;
      }
      yield value;
    }
  } catch (error) {
    ended = true;
    throw error;
  } finally {
    // Who leaves the loop early wants no more of it.
    if (!ended && !preventCancel) {
      await reader.cancel();
    }
    reader.releaseLock();
  }
}

const streams = ReadableStream.prototype as Streams;
if (streams[Symbol.asyncIterator] === undefined) {
  for (const name of ["values", Symbol.asyncIterator] as const) {
    Object.defineProperty(streams, name, { value: values, writable: true, configurable: true, enumerable: false });
  }
}

export const engine = {
  name: "starlingmonkey" as const,
  drive: "async" as const,
  /** A timer that is due at once comes after every promise job. */
  drain: (): Promise<void> => new Promise((resolve) => void nativeSetTimeout(resolve, 0)),
  mapStack,
  environment,
};
