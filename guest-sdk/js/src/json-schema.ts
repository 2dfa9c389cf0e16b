/**
 * The JSON Schema of an author's schema, if its library can say it. No library is needed here: it is asked for through members of the schema itself.
 */

/** The JSON Schema (draft 2020-12) that describes what `schema` takes; nothing if it cannot be said. */
export function jsonSchemaOf(schema: unknown): object | undefined {
  if ((typeof schema !== "object" && typeof schema !== "function") || schema === null) {
    return undefined;
  }
  const standard = (schema as Record<string, unknown>)["~standard"] as Record<string, unknown> | undefined;
  const converter = standard?.["jsonSchema"] as { input?: (options: object) => object } | undefined;
  const own = (schema as { toJSONSchema?: (options: object) => object }).toJSONSchema;
  return (
    attempt(() => converter?.input?.({ target: "draft-2020-12" })) ??
    attempt(() => (typeof own === "function" ? own.call(schema, { io: "input" }) : undefined))
  );
}

/** A schema with parts that JSON Schema cannot express has none. */
function attempt(convert: () => object | undefined): object | undefined {
  try {
    const schema = convert();
    return typeof schema === "object" && schema !== null ? schema : undefined;
  } catch {
    return undefined;
  }
}
