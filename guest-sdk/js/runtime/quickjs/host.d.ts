/** What the runtime imports of the host, as QuickJS shows it: `u64` is a number, an absent `option` is `null`, an error is thrown, as `payload` of an `Error`. */

declare module "host:io/poll@0.2.6" {
  export interface Pollable {
    [Symbol.dispose](): void;
  }
  export function poll(pollables: Pollable[]): number[];
}

declare module "host:io/streams@0.2.6" {
  import type { Pollable } from "host:io/poll@0.2.6";
  export interface IoError {
    toDebugString(): string;
    [Symbol.dispose](): void;
  }
  export type StreamError = { tag: "last-operation-failed"; val: IoError } | { tag: "closed" };
  export interface InputStream {
    /** Throws a {@link StreamError}. */
    read(length: number): Uint8Array;
    subscribe(): Pollable;
    [Symbol.dispose](): void;
  }
  export interface OutputStream {
    /** Throws a {@link StreamError}. */
    checkWrite(): number;
    /** Throws a {@link StreamError}. */
    write(bytes: Uint8Array): void;
    subscribe(): Pollable;
    [Symbol.dispose](): void;
  }
}

declare module "host:clocks/monotonic-clock@0.2.6" {
  import type { Pollable } from "host:io/poll@0.2.6";
  export function subscribeDuration(nanoseconds: number): Pollable;
}

declare module "host:random/random@0.2.6" {
  export function getRandomBytes(length: number): Uint8Array;
}

declare module "host:cli/environment@0.2.6" {
  export function getEnvironment(): [string, string][];
}

declare module "host:http/types@0.2.6" {
  import type { InputStream, OutputStream } from "host:io/streams@0.2.6";
  import type { Pollable } from "host:io/poll@0.2.6";
  export type Result<T, E> = { tag: "ok"; val: T } | { tag: "err"; val: E };
  export type ErrorCode = { tag: string; val?: unknown };
  export class Fields {
    static fromList(entries: [string, Uint8Array][]): Fields;
    entries(): [string, Uint8Array][];
    [Symbol.dispose](): void;
  }
  export class OutgoingRequest {
    constructor(headers: Fields);
    body(): OutgoingBody;
    setMethod(method: { tag: string; val?: string }): void;
    setPathWithQuery(path: string | null): void;
    setScheme(scheme: { tag: string; val?: string } | null): void;
    setAuthority(authority: string | null): void;
    [Symbol.dispose](): void;
  }
  export class OutgoingBody {
    write(): OutputStream;
    static finish(body: OutgoingBody, trailers: Fields | null): void;
    [Symbol.dispose](): void;
  }
  export class FutureIncomingResponse {
    subscribe(): Pollable;
    get(): Result<Result<IncomingResponse, ErrorCode>, undefined> | null;
    [Symbol.dispose](): void;
  }
  export class IncomingResponse {
    status(): number;
    headers(): Fields;
    consume(): IncomingBody;
    [Symbol.dispose](): void;
  }
  export class IncomingBody {
    stream(): InputStream;
    [Symbol.dispose](): void;
  }
}

declare module "host:http/outgoing-handler@0.2.6" {
  import type { FutureIncomingResponse, OutgoingRequest } from "host:http/types@0.2.6";
  /** Throws an `ErrorCode`. */
  export function handle(request: OutgoingRequest, options: null): FutureIncomingResponse;
}
