/** What Node programs use without importing it. A bundle holds it only if they do. */
export { Buffer } from "buffer";
