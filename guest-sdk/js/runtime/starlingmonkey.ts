/**
 * StarlingMonkey: what the engine lacks, and how the SDK drives it.
 *
 * It is the first module of a bundle: what follows, the SDK included, finds the globals in place.
 */
import { getEnvironment } from "wasi:cli/environment@0.2.10";

import { installEnvironment } from "./environment.ts";
import { follow } from "./redirects.ts";
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

const engineFetch = globalThis.fetch;

/** The engine's own follows no redirects, and does not say whom it could not reach. */
async function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const body = request.method === "GET" || request.method === "HEAD" ? undefined : new Uint8Array(await request.arrayBuffer());
  const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
  const mode = init?.redirect ?? (input instanceof Request ? input.redirect : undefined) ?? "follow";
  const first = { url: request.url, method: request.method, headers: [...request.headers], body };
  const { response, url, redirected } = await follow(first, mode, async (sent) => {
    try {
      return await engineFetch(sent.url, { method: sent.method, headers: sent.headers, ...(sent.body === undefined ? {} : { body: sent.body as BodyInit }), ...(signal ? { signal } : {}) });
    } catch (error) {
      throw /^NetworkError/.test((error as Error).message) ? new TypeError(unreachable(new URL(sent.url))) : error;
    }
  });
  Object.defineProperties(response, { url: { value: url, configurable: true }, redirected: { value: redirected, configurable: true } });
  return response;
}

function unreachable({ host }: URL): string {
  return `fetch failed: ${host} cannot be reached, or the app may not reach it: a private address must be named in its abide.toml (\`[net]\`, \`allow = ["${host}"]\`), or the node started with --allow-net`;
}

globalThis.fetch = fetch;

/** The engine comes without Unicode's tables. What is ASCII is normal in every form. */
function normalize(this: unknown): string {
  const text = String(this);
  if (/[^\0-\x7f]/.test(text)) {
    throw new Error("normalize() knows ASCII only on the engine starlingmonkey; the engine quickjs knows all letters (`engine` under [build] in abide.toml)");
  }
  return text;
}

if (typeof String.prototype.normalize !== "function") {
  Object.defineProperty(String.prototype, "normalize", { value: normalize, writable: true, configurable: true, enumerable: false });
}

export const engine = {
  name: "starlingmonkey" as const,
  drive: "async" as const,
  /** A timer that is due at once comes after every promise job. */
  drain: (): Promise<void> => new Promise((resolve) => void nativeSetTimeout(resolve, 0)),
  mapStack,
  environment,
};
