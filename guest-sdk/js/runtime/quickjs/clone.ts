/** `structuredClone`, without transfer: a body has nobody to transfer to. */

type Values = Record<string, unknown>;

const ERRORS: Record<string, new (message: string) => Error> = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

function refuse(value: unknown): never {
  throw new DOMException(`${typeof value === "object" ? "an object of this kind" : typeof value === "symbol" ? "a symbol" : "a function"} cannot be cloned`, "DataCloneError");
}

/** The copy of one value. What was copied before is the same copy again, so that cycles end. */
function copy(value: unknown, copies: Map<object, unknown>): unknown {
  if (typeof value === "function" || typeof value === "symbol") {
    return refuse(value);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const known = copies.get(value);
  if (known !== undefined) {
    return known;
  }
  const keep = <T extends object>(made: T): T => {
    copies.set(value, made);
    return made;
  };
  if (Array.isArray(value)) {
    return fields(value, keep(new Array(value.length)) as unknown as Values, copies);
  }
  switch (Object.prototype.toString.call(value).slice(8, -1)) {
    case "Boolean":
    case "Number":
    case "String":
    case "BigInt":
      return keep(Object(value.valueOf()));
    case "Date":
      return keep(new Date((value as Date).getTime()));
    case "RegExp":
      return keep(new RegExp((value as RegExp).source, (value as RegExp).flags));
    case "ArrayBuffer":
      return keep((value as ArrayBuffer).slice(0));
    case "Map": {
      const map = keep(new Map());
      for (const [key, item] of [...(value as Map<unknown, unknown>)]) {
        map.set(copy(key, copies), copy(item, copies));
      }
      return map;
    }
    case "Set": {
      const set = keep(new Set());
      for (const item of [...(value as Set<unknown>)]) {
        set.add(copy(item, copies));
      }
      return set;
    }
    case "Error":
      return failure(value as Error, keep, copies);
    default:
  }
  if (ArrayBuffer.isView(value)) {
    const buffer = copy(value.buffer, copies) as ArrayBuffer;
    const View = value.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;
    return keep(new View(buffer, value.byteOffset, value instanceof DataView ? value.byteLength : (value as Uint8Array).length));
  }
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef || value instanceof Promise) {
    return refuse(value);
  }
  return fields(value as Values, keep({}), copies);
}

function fields(from: object, to: Values, copies: Map<object, unknown>): Values {
  for (const name of Object.keys(from)) {
    to[name] = copy((from as Values)[name], copies);
  }
  return to;
}

function failure(error: Error, keep: <T extends object>(made: T) => T, copies: Map<object, unknown>): Error {
  const clone = keep(new (ERRORS[error.name] ?? Error)(error.message));
  for (const name of ["stack", "cause"] as const) {
    if (Object.hasOwn(error, name)) {
      Object.defineProperty(clone, name, { value: copy(error[name], copies), writable: true, configurable: true, enumerable: false });
    }
  }
  return clone;
}

export function structuredClone<T>(value: T, options?: { transfer?: unknown[] }): T {
  if (options?.transfer !== undefined && options.transfer.length > 0) {
    throw new DOMException("there is nobody to transfer to", "DataCloneError");
  }
  return copy(value, new Map()) as T;
}
