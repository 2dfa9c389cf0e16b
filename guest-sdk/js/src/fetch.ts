/**
 * `step.fetch`: from the arguments of the global `fetch` to the host's request, and from the recorded answer to a `Response`.
 */

import type { FetchRecord, RunOptions } from "./contract.ts";

/** Whether an argument says what to request. */
export function isRequestTarget(value: unknown): value is string | URL | Request {
  return typeof value === "string" || value instanceof URL || value instanceof Request;
}

/** The host of a request, for the id of a step that was given none. */
export function targetHost(target: string | URL | Request): string {
  return new URL(target instanceof Request ? target.url : target).hostname;
}

/** The request for the host. `read` is the body of a `Request`, which had to be read first. */
export function fetchRecord(
  target: string | URL | Request,
  init: RequestInit | undefined,
  read: Uint8Array | undefined,
  attempts: Omit<RunOptions, "input">,
): FetchRecord {
  const request = target instanceof Request ? target : undefined;
  const headers = headerList(init?.headers ?? request?.headers);
  const body = read ? { bytes: read, type: undefined } : bodyOf(init?.body);
  if (body?.type !== undefined && !headers.some(([name]) => name.toLowerCase() === "content-type")) {
    headers.push(["content-type", body.type]);
  }
  return {
    method: (init?.method ?? request?.method ?? "GET").toUpperCase(),
    url: String(request?.url ?? target),
    headers,
    body: body?.bytes,
    ...attempts,
  };
}

function headerList(headers: unknown): [string, string][] {
  if (headers === undefined || headers === null) {
    return [];
  }
  const entries = Symbol.iterator in (headers as object)
    ? [...(headers as Iterable<[string, string]>)]
    : Object.entries(headers as Record<string, string>);
  return entries.map(([name, value]) => [String(name), String(value)]);
}

function bodyOf(body: unknown): { bytes: Uint8Array; type: string | undefined } | undefined {
  if (body === undefined || body === null) {
    return undefined;
  }
  if (typeof body === "string") {
    return { bytes: new TextEncoder().encode(body), type: "text/plain;charset=UTF-8" };
  }
  if (body instanceof URLSearchParams) {
    return { bytes: new TextEncoder().encode(String(body)), type: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  if (body instanceof ArrayBuffer) {
    return { bytes: new Uint8Array(body), type: undefined };
  }
  if (ArrayBuffer.isView(body)) {
    return { bytes: new Uint8Array(body.buffer, body.byteOffset, body.byteLength), type: undefined };
  }
  throw new Error("body: give text, bytes or URLSearchParams: a stream or form cannot be recorded");
}

interface Recorded {
  status: number;
  headers: Record<string, string> | [string, string][];
  body?: string;
  body_base64?: string;
}

/** The response that the host recorded. */
export function readResponse(url: string, recorded: unknown): Response {
  const { status, headers, body, body_base64 } = recorded as Recorded;
  const bytes = body_base64 === undefined ? new TextEncoder().encode(body ?? "") : fromBase64(body_base64);
  return new RecordedResponse(url, status, new Headers(headers), bytes) as unknown as Response;
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/**
 * A `Response` whose body is there already. The engine's own would read its body by way of a stream, and workflow code may wait for nothing but operations.
 */
class RecordedResponse {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly type = "basic";
  readonly redirected = false;
  bodyUsed = false;
  readonly #bytes: Uint8Array;

  constructor(url: string, status: number, headers: Headers, bytes: Uint8Array) {
    this.url = url;
    this.status = status;
    this.headers = headers;
    this.#bytes = bytes;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get statusText(): string {
    return "";
  }

  get body(): ReadableStream | null {
    const mayHaveBody = ![101, 204, 205, 304].includes(this.status);
    return mayHaveBody ? new Response(this.#bytes as unknown as BodyInit).body : null;
  }

  async bytes(): Promise<Uint8Array> {
    if (this.bodyUsed) {
      throw new TypeError("the body of the response was read already: clone() it to read it twice");
    }
    this.bodyUsed = true;
    return this.#bytes.slice();
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer as ArrayBuffer;
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.arrayBuffer()], { type: this.headers.get("content-type") ?? "" });
  }

  async formData(): Promise<FormData> {
    return new Response((await this.arrayBuffer()) as BodyInit, { headers: this.headers }).formData();
  }

  clone(): RecordedResponse {
    return new RecordedResponse(this.url, this.status, this.headers, this.#bytes);
  }

  toJSON(): object {
    return { status: this.status, url: this.url };
  }
}
