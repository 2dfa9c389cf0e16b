/**
 * Values as JSON text, as the host wants them.
 */

/** JSON text of something that an author handed in; nothing is `null`. Throws, with what it is that JSON cannot express. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    throw new Error(`it cannot be written as JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** JSON text of a JSON object. */
export function toJsonObject(value: unknown): string {
  const text = toJson(value);
  if (!text.startsWith("{")) {
    throw new Error("it is not a JSON object");
  }
  return text;
}
