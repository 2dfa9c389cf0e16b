/** What `Request` and `Response` have in common: a body that is read once. */
import { ReadableStream } from "web-streams-polyfill";

import { TextDecoder, TextEncoder, bytesOf } from "./encoding.ts";

export type BodyInit = string | ArrayBuffer | ArrayBufferView | URLSearchParams | ReadableStream<Uint8Array> | null;

export class Body {
  #body: ReadableStream<Uint8Array> | null;
  /** The whole body, where it is at hand: then nobody needs a stream. */
  #bytes: Uint8Array | undefined;
  #used = false;
  /** What the kind of body says about itself. */
  protected readonly contentType: string | undefined;

  constructor(init: BodyInit | undefined) {
    this.#body = null;
    if (init === undefined || init === null) {
      return;
    }
    if (init instanceof ReadableStream) {
      this.#body = init;
    } else if (init instanceof ArrayBuffer || ArrayBuffer.isView(init)) {
      this.#bytes = bytesOf(init).slice();
    } else {
      this.#bytes = new TextEncoder().encode(init);
      this.contentType = init instanceof URLSearchParams ? "application/x-www-form-urlencoded;charset=UTF-8" : "text/plain;charset=UTF-8";
    }
  }

  get body(): ReadableStream<Uint8Array> | null {
    const bytes = this.#bytes;
    if (bytes !== undefined) {
      this.#bytes = undefined;
      this.#body = new ReadableStream({
        start(controller): void {
          if (bytes.length > 0) {
            controller.enqueue(bytes);
          }
          controller.close();
        },
      });
    }
    return this.#body;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  async bytes(): Promise<Uint8Array> {
    if (this.#used || this.#body?.locked === true) {
      throw new TypeError("the body was read before; clone() first to read it twice");
    }
    const bytes = this.#bytes;
    const body = this.#body;
    this.#used = bytes !== undefined || body !== null;
    if (bytes !== undefined || body === null) {
      return bytes ?? new Uint8Array(0);
    }
    const chunks: Uint8Array[] = [];
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return concatenated(chunks);
      }
      chunks.push(value);
    }
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).slice().buffer as ArrayBuffer;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  /** The same body a second time. */
  protected duplicate(): BodyInit {
    if (this.#used) {
      throw new TypeError("the body was read before: it cannot be cloned any more");
    }
    if (this.#bytes !== undefined || this.#body === null) {
      return this.#bytes ?? null;
    }
    const [mine, other] = this.#body.tee();
    this.#body = mine;
    return other;
  }
}

function concatenated(chunks: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let end = 0;
  for (const chunk of chunks) {
    whole.set(chunk, end);
    end += chunk.length;
  }
  return whole;
}
