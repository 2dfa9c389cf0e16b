/** `Headers`: names in lower case, in alphabetical order, several values of one name joined with a comma. */

export type HeadersInit = Headers | Record<string, unknown> | Iterable<readonly [unknown, unknown]>;

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function nameOf(name: unknown): string {
  const text = String(name);
  if (!NAME.test(text)) {
    throw new TypeError(`\`${text}\` is no name of a header`);
  }
  return text.toLowerCase();
}

function valueOf(value: unknown): string {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (/[\0\r\n]/.test(text)) {
    throw new TypeError("the value of a header holds no line breaks");
  }
  return text;
}

export class Headers {
  #values = new Map<string, string[]>();

  constructor(init?: HeadersInit | null) {
    if (init === undefined || init === null) {
      return;
    }
    const pairs = Symbol.iterator in init ? (init as Iterable<readonly [unknown, unknown]>) : Object.entries(init);
    for (const [name, value] of pairs) {
      this.append(name, value);
    }
  }

  append(name: unknown, value: unknown): void {
    const key = nameOf(name);
    const values = this.#values.get(key);
    if (values === undefined) {
      this.#values.set(key, [valueOf(value)]);
    } else {
      values.push(valueOf(value));
    }
  }

  delete(name: unknown): void {
    this.#values.delete(nameOf(name));
  }

  get(name: unknown): string | null {
    return this.#values.get(nameOf(name))?.join(", ") ?? null;
  }

  getSetCookie(): string[] {
    return [...(this.#values.get("set-cookie") ?? [])];
  }

  has(name: unknown): boolean {
    return this.#values.has(nameOf(name));
  }

  set(name: unknown, value: unknown): void {
    this.#values.set(nameOf(name), [valueOf(value)]);
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, receiver?: unknown): void {
    for (const [name, value] of this) {
      callback.call(receiver, value, name, this);
    }
  }

  *entries(): Generator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? [];
      // Cookies hold commas of their own.
      yield* (name === "set-cookie" ? values : [values.join(", ")]).map((value): [string, string] => [name, value]);
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this) {
      yield name;
    }
  }

  *values(): Generator<string> {
    for (const [, value] of this) {
      yield value;
    }
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "Headers";
  }
}
