/** `Request` and `Response`. */
import type { AbortSignal } from "./events.ts";
import { Body, type BodyInit } from "./body.ts";
import { Headers, type HeadersInit } from "./headers.ts";

export interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
  signal?: AbortSignal | null;
  redirect?: "follow" | "error" | "manual";
}

/** Methods that are written in capitals whatever the author writes. */
const NORMAL = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);

function methodOf(method: string): string {
  const capitals = method.toUpperCase();
  return NORMAL.has(capitals) ? capitals : method;
}

export class Request extends Body {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
  readonly redirect: "follow" | "error" | "manual";

  constructor(input: Request | URL | string, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined;
    const method = methodOf(init.method ?? from?.method ?? "GET");
    const body = init.body ?? (from === undefined ? null : from.duplicate());
    if ((method === "GET" || method === "HEAD") && body !== null) {
      throw new TypeError(`a request with ${method} has no body`);
    }
    super(body);
    this.url = from?.url ?? new URL(String(input)).href;
    this.method = method;
    this.headers = new Headers(init.headers ?? from?.headers);
    if (this.contentType !== undefined && !this.headers.has("content-type")) {
      this.headers.set("content-type", this.contentType);
    }
    this.signal = init.signal === undefined ? from?.signal : (init.signal ?? undefined);
    this.redirect = init.redirect ?? from?.redirect ?? "follow";
  }

  clone(): Request {
    return new Request(this);
  }
}

export interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

export class Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly type: string = "default";
  url = "";
  redirected = false;

  constructor(body?: BodyInit, init: ResponseInit = {}) {
    const status = init.status ?? 200;
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`${status} is no status of a response: 200 to 599`);
    }
    super(body);
    this.status = status;
    this.statusText = init.statusText ?? "";
    this.headers = new Headers(init.headers);
    if (this.contentType !== undefined && !this.headers.has("content-type")) {
      this.headers.set("content-type", this.contentType);
    }
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  clone(): Response {
    const copy = new Response(this.duplicate(), this);
    copy.url = this.url;
    copy.redirected = this.redirected;
    return copy;
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) {
      headers.set("content-type", "application/json");
    }
    return new Response(JSON.stringify(value), { ...init, headers });
  }

  static redirect(url: string, status = 302): Response {
    return new Response(null, { status, headers: { location: new URL(url).href } });
  }
}
