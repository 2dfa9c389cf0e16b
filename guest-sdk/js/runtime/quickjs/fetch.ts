/**
 * `fetch` over `wasi:http`, within the app's policy. Only bodies get here: the SDK refuses the requests of workflow code.
 */
import { handle } from "host:http/outgoing-handler@0.2.6";
import { Fields, OutgoingBody, OutgoingRequest, type ErrorCode, type FutureIncomingResponse, type IncomingResponse } from "host:http/types@0.2.6";
import type { InputStream, OutputStream, StreamError } from "host:io/streams@0.2.6";
import { ReadableStream } from "web-streams-polyfill";

import { follow } from "../redirects.ts";
import { TextDecoder, TextEncoder } from "./encoding.ts";
import { forget, whenReady } from "./loop.ts";
import { Request, type RequestInit, Response } from "./messages.ts";

const CHUNK_BYTES = 64 * 1024;
const METHODS = new Set(["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"]);
/** Statuses whose responses have no body. */
const BODILESS = new Set([204, 205, 304]);

export async function fetch(input: Request | URL | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const body = request.method === "GET" || request.method === "HEAD" ? undefined : await request.bytes();
  const first = { url: request.url, method: request.method, headers: [...request.headers], body };
  const { response, url, redirected } = await follow(first, request.redirect, (sent) => exchange({ ...sent, url: new URL(sent.url), signal: request.signal }));
  response.url = url;
  response.redirected = redirected;
  return response;
}

interface Exchange {
  url: URL;
  method: string;
  headers: [string, string][];
  body: Uint8Array | undefined;
  signal: { aborted: boolean; reason: unknown; throwIfAborted(): void; addEventListener(type: string, listener: () => void): void } | undefined;
}

async function exchange({ url, method, headers, body, signal }: Exchange): Promise<Response> {
  signal?.throwIfAborted();
  const encoder = new TextEncoder();
  const all: [string, string][] = body === undefined ? headers : [...headers.filter(([name]) => name !== "content-length"), ["content-length", String(body.length)]];
  const outgoing = new OutgoingRequest(Fields.fromList(all.map(([name, value]) => [name, encoder.encode(value)])));
  const kind = method.toLowerCase();
  outgoing.setMethod(METHODS.has(kind) ? { tag: kind } : { tag: "other", val: method });
  outgoing.setScheme(url.protocol === "https:" ? { tag: "HTTPS" } : url.protocol === "http:" ? { tag: "HTTP" } : { tag: "other", val: url.protocol.slice(0, -1) });
  outgoing.setAuthority(url.host);
  outgoing.setPathWithQuery(`${url.pathname}${url.search}`);
  const sending = outgoing.body();
  let future: FutureIncomingResponse;
  try {
    future = handle(outgoing, null);
  } catch (error) {
    throw failed(url, payloadOf<ErrorCode>(error));
  }
  if (body !== undefined && body.length > 0) {
    await send(sending.write(), body, url);
  }
  OutgoingBody.finish(sending, null);
  const response = await answer(future, url, signal);
  const decoder = new TextDecoder();
  const fields = response.headers();
  const received = fields.entries().map(([name, value]): [string, string] => [name, decoder.decode(value)]);
  fields[Symbol.dispose]();
  const status = response.status();
  const content = method === "HEAD" || BODILESS.has(status) ? null : contentOf(response, url, signal);
  return new Response(content, { status, headers: received });
}

/** Waits for a pollable, or until the signal says to stop. */
function ready(pollable: Parameters<typeof whenReady>[0], signal: Exchange["signal"]): Promise<void> {
  return new Promise((resolve, reject) => {
    const id = whenReady(pollable, resolve as () => void);
    signal?.addEventListener("abort", () => {
      forget(id);
      reject(signal.reason);
    });
  });
}

async function send(stream: OutputStream, body: Uint8Array, url: URL): Promise<void> {
  try {
    for (let at = 0; at < body.length; ) {
      const room = stream.checkWrite();
      if (room > 0) {
        const chunk = body.subarray(at, at + Math.min(room, CHUNK_BYTES));
        stream.write(chunk);
        at += chunk.length;
      } else {
        await ready(stream.subscribe(), undefined);
      }
    }
  } catch (error) {
    const problem = payloadOf<StreamError>(error);
    // The server may have answered without reading everything: the answer says more.
    if (problem.tag !== "closed") {
      throw broken(url, problem);
    }
  } finally {
    stream[Symbol.dispose]();
  }
}

async function answer(future: FutureIncomingResponse, url: URL, signal: Exchange["signal"]): Promise<IncomingResponse> {
  try {
    for (;;) {
      const result = future.get();
      if (result === null) {
        await ready(future.subscribe(), signal);
      } else if (result.tag === "err") {
        throw new TypeError(`fetch failed: the response of ${url.host} was taken before`);
      } else if (result.val.tag === "err") {
        throw failed(url, result.val.val);
      } else {
        return result.val.val;
      }
    }
  } finally {
    future[Symbol.dispose]();
  }
}

/** The response's body, read as it is asked for. */
function contentOf(response: IncomingResponse, url: URL, signal: Exchange["signal"]): ReadableStream<Uint8Array> {
  const body = response.consume();
  const stream = body.stream();
  const close = (): void => {
    stream[Symbol.dispose]();
    body[Symbol.dispose]();
    response[Symbol.dispose]();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller): Promise<void> {
        const chunk = await read(stream, url, signal).catch((error: unknown) => {
          close();
          throw error;
        });
        if (chunk === undefined) {
          close();
          controller.close();
        } else {
          controller.enqueue(chunk);
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}

async function read(stream: InputStream, url: URL, signal: Exchange["signal"]): Promise<Uint8Array | undefined> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      const chunk = stream.read(CHUNK_BYTES);
      if (chunk.length > 0) {
        return chunk;
      }
    } catch (error) {
      const problem = payloadOf<StreamError>(error);
      if (problem.tag === "closed") {
        return undefined;
      }
      throw broken(url, problem);
    }
    await ready(stream.subscribe(), signal);
  }
}

/** The error that a function of the host returned: the engine throws an `Error` around it. */
function payloadOf<T>(error: unknown): T {
  if (error instanceof Error && "payload" in error) {
    return error.payload as T;
  }
  throw error;
}

function broken(url: URL, error: StreamError): TypeError {
  const what = error.tag === "closed" ? "the connection was closed" : error.val.toDebugString();
  return new TypeError(`fetch failed: ${url.host}: ${what}`);
}

/** What went wrong, in the host's words where it has some. */
function failed(url: URL, { tag, val }: ErrorCode): TypeError {
  const words = tag.toLowerCase().replaceAll("-", " ");
  const detail = typeof val === "string" ? val : (val as { rcode?: string } | null | undefined)?.rcode;
  const what = tag === "internal-error" && detail !== undefined ? detail : `${url.host}: ${words}${detail === undefined ? "" : ` (${detail})`}`;
  return new TypeError(`fetch failed: ${what}`);
}
