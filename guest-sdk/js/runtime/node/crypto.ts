/**
 * `node:crypto`, as far as it can be had without keys in files and native code: digests, HMACs, random values and comparison in constant time.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { sha224, sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { Buffer } from "buffer";

type Data = string | ArrayBuffer | ArrayBufferView;
type Digest = typeof sha256;

const DIGESTS: Record<string, Digest> = { md5, sha1, sha224, sha256, sha384, sha512 } as unknown as Record<string, Digest>;

function digestOf(algorithm: string): Digest {
  const digest = DIGESTS[String(algorithm).toLowerCase().replace("-", "")];
  if (digest === undefined) {
    throw new Error(`there is no digest \`${algorithm}\` here: ${Object.keys(DIGESTS).join(", ")}`);
  }
  return digest;
}

function bytes(data: Data, encoding?: string): Uint8Array {
  if (typeof data === "string") {
    return Buffer.from(data, encoding as "utf8");
  }
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

interface Running {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
  clone(): Running;
}

class Hash {
  #running: Running;
  #done = false;

  constructor(running: Running) {
    this.#running = running;
  }

  update(data: Data, encoding?: string): this {
    this.#running.update(bytes(data, encoding));
    return this;
  }

  copy(): Hash {
    return new Hash(this.#running.clone());
  }

  digest(): Buffer;
  digest(encoding: string): string;
  digest(encoding?: string): Buffer | string {
    if (this.#done) {
      throw new Error("digest() was called before");
    }
    this.#done = true;
    const digest = Buffer.from(this.#running.digest());
    return encoding === undefined || encoding === "buffer" ? digest : digest.toString(encoding as "hex");
  }
}

export function createHash(algorithm: string): Hash {
  return new Hash(digestOf(algorithm).create() as unknown as Running);
}

export function createHmac(algorithm: string, key: Data): Hash {
  return new Hash(hmac.create(digestOf(algorithm), bytes(key)) as unknown as Running);
}

export function hash(algorithm: string, data: Data, encoding = "hex"): string | Buffer {
  return createHash(algorithm).update(data).digest(encoding);
}

export const getHashes = (): string[] => Object.keys(DIGESTS);

export function timingSafeEqual(first: ArrayBufferView, second: ArrayBufferView): boolean {
  const [a, b] = [bytes(first), bytes(second)];
  if (a.length !== b.length) {
    throw new RangeError("timingSafeEqual compares values of one length");
  }
  return a.reduce((difference, byte, at) => difference | (byte ^ (b[at] as number)), 0) === 0;
}

/** The most that the web platform gives at once. */
const MAX_BYTES = 65_536;

export function randomBytes(size: number): Buffer {
  const buffer = Buffer.alloc(size);
  for (let at = 0; at < size; at += MAX_BYTES) {
    crypto.getRandomValues(buffer.subarray(at, at + MAX_BYTES));
  }
  return buffer;
}

export function randomInt(first: number, second?: number): number {
  const [min, max] = second === undefined ? [0, first] : [first, second];
  const range = max - min;
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || range <= 0 || range > 2 ** 48) {
    throw new RangeError("randomInt needs two integers, the smaller one first, at most 2^48 apart");
  }
  // What lies beyond the last whole multiple would favour small numbers.
  const limit = Math.floor(2 ** 48 / range) * range;
  for (;;) {
    const drawn = randomBytes(6).readUIntBE(0, 6);
    if (drawn < limit) {
      return min + (drawn % range);
    }
  }
}

export const randomUUID = (): string => crypto.randomUUID();
export const getRandomValues = <T extends ArrayBufferView>(view: T): T => crypto.getRandomValues(view as never) as T;
export const webcrypto = globalThis.crypto;
export const subtle = globalThis.crypto.subtle;

export default { createHash, createHmac, getHashes, getRandomValues, hash, randomBytes, randomInt, randomUUID, subtle, timingSafeEqual, webcrypto };
