/** `crypto` over the host's randomness: the run's in workflow code, the machine's in a body. There is no `crypto.subtle`. */
import { getRandomBytes } from "host:random/random@0.2.6";

import { bytesOf } from "./encoding.ts";

const MAX_BYTES = 65_536;

export const crypto = {
  getRandomValues<T extends ArrayBufferView>(view: T): T {
    if (view.byteLength > MAX_BYTES) {
      throw new DOMException(`getRandomValues gives at most ${MAX_BYTES} bytes at once`, "QuotaExceededError");
    }
    bytesOf(view).set(getRandomBytes(view.byteLength));
    return view;
  },

  randomUUID(): string {
    const bytes = getRandomBytes(16);
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  },
};
