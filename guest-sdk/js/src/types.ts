/**
 * Types that say what becomes of values: on their way through JSON, and in the hands of a middleware.
 */

/** One, or a list of it. */
export type SingleOrArray<T> = T | readonly T[];

/** Now or later. */
export type MaybePromise<T> = T | Promise<T>;

/** The members of an intersection as one object type, for readable hints. */
export type Simplify<T> = { [K in keyof T]: T[K] } & {};

export type IsNever<T> = [T] extends [never] ? true : false;
export type IsAny<T> = 0 extends 1 & T ? true : false;
export type IsUnknown<T> = IsAny<T> extends true ? false : unknown extends T ? true : false;

/** Whether `T` is a name that is known, and not any text. */
export type IsLiteral<T> = T extends string ? (string extends T ? false : true) : false;

/** At most one of the two members. */
export type Exclusive<A extends string, B extends string> =
  | ({ [K in A]?: string } & { [K in B]?: undefined })
  | ({ [K in A]?: undefined } & { [K in B]?: string });

type JsonPrimitive = string | number | boolean | null;
type NotJson = undefined | symbol | ((...args: never[]) => unknown);

/** What a value is after `JSON.stringify` and `JSON.parse`. */
export type Jsonify<T> =
  IsAny<T> extends true
    ? any
    : IsUnknown<T> extends true
      ? unknown
      : T extends JsonPrimitive
        ? T
        : T extends { toJSON(...args: never[]): infer J }
          ? Jsonify<J>
          : T extends NotJson | bigint
            ? null
            : T extends Map<unknown, unknown> | Set<unknown> | WeakMap<object, unknown> | WeakSet<object>
              ? Record<string, never>
              : T extends readonly unknown[]
                ? { [K in keyof T]: Jsonify<T[K]> }
                : T extends object
                  ? JsonifyObject<T>
                  : never;

type JsonKeys<T> = {
  [K in keyof T]-?: K extends symbol ? never : IsNever<Exclude<T[K], NotJson>> extends true ? never : K;
}[keyof T];

/** Members that may be undefined may be missing afterwards. */
type JsonifyObject<T> = Simplify<
  {
    [K in JsonKeys<T> as undefined extends T[K] ? (IsUnknown<T[K]> extends true ? K : never) : K]: Jsonify<T[K]>;
  } & {
    [K in JsonKeys<T> as undefined extends T[K] ? (IsUnknown<T[K]> extends true ? never : K) : never]?: Jsonify<
      Exclude<T[K], undefined>
    >;
  }
>;

/** What a body or a handler returned, as it is recorded: nothing is `null`. */
export type Recorded<T> = IsNever<T> extends true ? null : IsAny<T> extends true ? any : T extends void ? (T extends undefined ? null : T extends void ? null : T) : T;

/** What JSON makes of the returned value of a function. */
export type ResultOf<F> = F extends (...args: never[]) => infer R ? Jsonify<Recorded<Awaited<R>>> : unknown;

/** A change that a middleware makes to types: give `Out` in terms of `this["In"]`. */
export interface StaticTransform {
  In: unknown;
  Out: unknown;
}

/** The change without any middleware: what JSON makes of a value. */
export interface DefaultStaticTransform extends StaticTransform {
  /** Tells it from others, which may look the same to the compiler. */
  readonly isDefault?: true;
  Out: Jsonify<this["In"]>;
}

/** The outcome of a change. */
export type ApplyTransform<TTransform extends StaticTransform, T> = (TTransform & { In: T })["Out"];
