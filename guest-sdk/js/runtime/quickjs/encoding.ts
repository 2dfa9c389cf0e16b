/** UTF-8 as the Encoding standard has it. Other encodings are not there. */

const LABELS = new Set(["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"]);

/** Calls back with the code points of a text; halves of surrogate pairs become U+FFFD. */
function* codePoints(text: string): Generator<number> {
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    yield point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
  }
}

function byteLength(point: number): number {
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

/** Writes one code point and returns the place behind it. */
function put(bytes: Uint8Array, at: number, point: number): number {
  const length = byteLength(point);
  if (length === 1) {
    bytes[at] = point;
    return at + 1;
  }
  bytes[at] = ((0xf00 >> length) & 0xff) | (point >> (6 * (length - 1)));
  for (let left = length - 2, place = at + 1; left >= 0; left -= 1, place += 1) {
    bytes[place] = 0x80 | ((point >> (6 * left)) & 0x3f);
  }
  return at + length;
}

export class TextEncoder {
  get encoding(): string {
    return "utf-8";
  }

  encode(text: unknown = ""): Uint8Array {
    const source = String(text);
    const bytes = new Uint8Array(source.length * 3);
    let end = 0;
    for (const point of codePoints(source)) {
      end = put(bytes, end, point);
    }
    return bytes.slice(0, end);
  }

  encodeInto(text: unknown, target: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const point of codePoints(String(text))) {
      if (written + byteLength(point) > target.length) {
        break;
      }
      written = put(target, written, point);
      read += point > 0xffff ? 2 : 1;
    }
    return { read, written };
  }
}

/** Bytes of one unfinished character: how many are missing, the bits so far, and what the next byte may be. */
interface Partial {
  missing: number;
  bits: number;
  lower: number;
  upper: number;
}

const NO_PARTIAL: Partial = { missing: 0, bits: 0, lower: 0x80, upper: 0xbf };

export class TextDecoder {
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  #partial: Partial = NO_PARTIAL;
  #atStart = true;

  constructor(label: unknown = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    if (!LABELS.has(String(label).trim().toLowerCase())) {
      throw new RangeError(`TextDecoder knows UTF-8 only here, not ${String(label)}; the engine starlingmonkey knows more`);
    }
    this.fatal = options.fatal === true;
    this.ignoreBOM = options.ignoreBOM === true;
  }

  get encoding(): string {
    return "utf-8";
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
    const bytes = bytesOf(input);
    let partial = this.#partial;
    let text = "";
    let units: number[] = [];
    const emit = (point: number): void => {
      if (this.#atStart && point === 0xfeff && !this.ignoreBOM) {
        this.#atStart = false;
        return;
      }
      this.#atStart = false;
      if (point > 0xffff) {
        units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
      } else {
        units.push(point);
      }
      if (units.length >= 4096) {
        text += String.fromCharCode(...units);
        units = [];
      }
    };
    const malformed = (): void => {
      partial = NO_PARTIAL;
      if (this.fatal) {
        this.#partial = NO_PARTIAL;
        this.#atStart = true;
        throw new TypeError("the bytes are not valid UTF-8");
      }
      emit(0xfffd);
    };
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] as number;
      if (partial.missing > 0) {
        if (byte < partial.lower || byte > partial.upper) {
          malformed();
          at -= 1;
          continue;
        }
        partial = { missing: partial.missing - 1, bits: (partial.bits << 6) | (byte & 0x3f), lower: 0x80, upper: 0xbf };
        if (partial.missing === 0) {
          emit(partial.bits);
        }
      } else if (byte < 0x80) {
        emit(byte);
      } else if (byte >= 0xc2 && byte <= 0xdf) {
        partial = { missing: 1, bits: byte & 0x1f, lower: 0x80, upper: 0xbf };
      } else if (byte >= 0xe0 && byte <= 0xef) {
        partial = { missing: 2, bits: byte & 0xf, lower: byte === 0xe0 ? 0xa0 : 0x80, upper: byte === 0xed ? 0x9f : 0xbf };
      } else if (byte >= 0xf0 && byte <= 0xf4) {
        partial = { missing: 3, bits: byte & 0x7, lower: byte === 0xf0 ? 0x90 : 0x80, upper: byte === 0xf4 ? 0x8f : 0xbf };
      } else {
        malformed();
      }
    }
    if (options.stream === true) {
      this.#partial = partial;
    } else {
      if (partial.missing > 0) {
        malformed();
      }
      this.#partial = NO_PARTIAL;
    }
    text += String.fromCharCode(...units);
    if (options.stream !== true) {
      this.#atStart = true;
    }
    return text;
  }
}

/** The bytes that a buffer or a view of one shows. */
export function bytesOf(input: ArrayBuffer | ArrayBufferView | undefined): Uint8Array {
  if (input === undefined) {
    return new Uint8Array(0);
  }
  return ArrayBuffer.isView(input) ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input);
}
