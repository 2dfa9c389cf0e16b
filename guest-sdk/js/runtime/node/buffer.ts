/** `node:buffer`. */
export { Buffer, INSPECT_MAX_BYTES, SlowBuffer, kMaxLength } from "buffer";

export const { atob, btoa, Blob, File } = globalThis;
