/**
 * SHA-1, for the public hash of a step's id and for ids of events. It protects nothing.
 */

/** The hash of text in UTF-8. */
export function sha1(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const blocks = new DataView(new ArrayBuffer(((bytes.length + 8) >> 6 << 6) + 64));
  bytes.forEach((byte, at) => blocks.setUint8(at, byte));
  blocks.setUint8(bytes.length, 0x80);
  blocks.setBigUint64(blocks.byteLength - 8, BigInt(bytes.length) * 8n);
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  const words = new Int32Array(80);
  for (let block = 0; block < blocks.byteLength; block += 64) {
    for (let n = 0; n < 80; n += 1) {
      words[n] =
        n < 16
          ? blocks.getInt32(block + 4 * n)
          : rotate(words[n - 3]! ^ words[n - 8]! ^ words[n - 14]! ^ words[n - 16]!, 1);
    }
    let [a, b, c, d, e] = state as [number, number, number, number, number];
    for (let n = 0; n < 80; n += 1) {
      const [mixed, constant] =
        n < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : n < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : n < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      const next = (rotate(a, 5) + mixed + e + constant + words[n]!) | 0;
      [e, d, c, b, a] = [d, c, rotate(b, 30), a, next];
    }
    [a, b, c, d, e].forEach((word, at) => (state[at] = (state[at]! + word) | 0));
  }
  const out = new DataView(new ArrayBuffer(20));
  state.forEach((word, at) => out.setInt32(4 * at, word));
  return new Uint8Array(out.buffer);
}

/** The hash as hexadecimal text. */
export function sha1Hex(text: string): string {
  return Array.from(sha1(text), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
