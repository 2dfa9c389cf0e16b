/** `node:buffer`. */
export { Buffer } from "buffer";

export const { atob, btoa, Blob, File } = globalThis;

export const constants = { MAX_LENGTH: 0x7fff_ffff, MAX_STRING_LENGTH: 0x1fff_ffff };
