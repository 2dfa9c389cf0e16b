/**
 * Values as text for log lines, in the manner of `console.log`: text as it is, everything else so that a person can read it.
 */

/** How deep objects are shown. */
const MAX_DEPTH = 4;
/** How many members and elements of one object are shown. */
const MAX_MEMBERS = 100;

/** The arguments of a call such as `console.log("%s bought", user, { total })` as one line. */
export function format(args: readonly unknown[]): string {
  const [first, ...rest] = args;
  const parts: string[] = [];
  if (typeof first === "string") {
    parts.push(substitute(first, rest));
  } else if (args.length > 0) {
    parts.push(show(first));
  }
  for (const value of rest) {
    parts.push(typeof value === "string" ? value : show(value));
  }
  return parts.join(" ");
}

/** Fills in `%s`, `%d`, `%i`, `%f`, `%j`, `%o` and `%O`, taking the values that it uses off the list. */
function substitute(template: string, values: unknown[]): string {
  if (values.length === 0) {
    return template;
  }
  return template.replace(/%([sdifjoOc%])/g, (whole, kind: string) => {
    if (kind === "%") {
      return "%";
    }
    if (values.length === 0) {
      return whole;
    }
    const value = values.shift();
    switch (kind) {
      case "s":
        return typeof value === "string" ? value : show(value, MAX_DEPTH - 1);
      case "d":
      case "f":
        return String(Number(value));
      case "i":
        return String(Math.trunc(Number(value)));
      case "j":
        return JSON.stringify(value) ?? "undefined";
      case "c":
        return "";
      default:
        return show(value);
    }
  });
}

/** One value. */
export function show(value: unknown, depth = 0, around: readonly unknown[] = []): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return value.toString();
    case "function":
      return `[Function ${value.name || "(anonymous)"}]`;
    case "object":
      return value === null ? "null" : showObject(value, depth, around);
    default:
      return String(value);
  }
}

function showObject(value: object, depth: number, around: readonly unknown[]): string {
  if (value instanceof Error) {
    return value.stack ? `${value.name}: ${value.message}\n${value.stack.trimEnd()}` : `${value.name}: ${value.message}`;
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  }
  if (value instanceof RegExp) {
    return String(value);
  }
  if (around.includes(value)) {
    return "[Circular]";
  }
  if (depth >= MAX_DEPTH) {
    return Array.isArray(value) ? "[…]" : "{…}";
  }
  const inside = (member: unknown) => show(member, depth + 1, [...around, value]);
  if (Array.isArray(value)) {
    return `[${limited(value.map(inside))}]`;
  }
  if (value instanceof Map) {
    return `Map {${limited([...value].map(([key, member]) => `${inside(key)} => ${inside(member)}`))}}`;
  }
  if (value instanceof Set) {
    return `Set {${limited([...value].map(inside))}}`;
  }
  if (value instanceof Promise) {
    return "Promise {}";
  }
  const kind = value.constructor?.name;
  const prefix = kind && kind !== "Object" ? `${kind} ` : "";
  const members = Object.entries(value).map(([key, member]) => `${shownKey(key)}: ${inside(member)}`);
  return members.length === 0 ? `${prefix}{}` : `${prefix}{ ${limited(members)} }`;
}

function shownKey(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}

function limited(parts: readonly string[]): string {
  return parts.length <= MAX_MEMBERS
    ? parts.join(", ")
    : `${parts.slice(0, MAX_MEMBERS).join(", ")}, … ${parts.length - MAX_MEMBERS} more`;
}
