/**
 * `serve`: what an app's entry exports.
 */

import type { Inngest } from "./client.ts";
import { InngestFunction } from "./function.ts";

/** An app: a client and its functions. */
export interface App {
  readonly client: Inngest<any> | undefined;
  readonly functions: readonly InngestFunction<any, any>[];
  /** The names under which frameworks export handlers, for `export const { GET, POST, PUT } = serve(…)`. Nothing calls them. */
  readonly GET: App;
  readonly POST: App;
  readonly PUT: App;
}

const apps = new WeakSet<object>();
/** The app that was served last: some entries hand it to a framework and export nothing. */
let served: App | undefined;

/**
 * The app of an entry file.
 *
 * ```ts
 * export default serve({ client: inngest, functions: [welcome, remind] });
 * ```
 *
 * Options that concern an HTTP endpoint (`servePath`, `signingKey`…) are accepted so that existing code builds; there is no endpoint: the host calls the functions itself.
 */
export function serve(options: {
  client: Inngest<any>;
  functions: readonly InngestFunction<any, any>[];
  [endpoint: string]: unknown;
}): App {
  served = newApp(options.client, options.functions);
  return served;
}

function newApp(client: App["client"], functions: App["functions"]): App {
  const app = { client, functions } as { -readonly [K in keyof App]: App[K] };
  // Not enumerable: they are the app itself.
  for (const name of ["GET", "POST", "PUT"]) {
    Object.defineProperty(app, name, { value: app });
  }
  apps.add(app);
  return app;
}

/** The app that an entry's exports stand for: `serve(…)`, a list of functions or one as the default, or a list named `functions`. */
export function appOf(exports: Record<string, unknown>): App {
  for (const candidate of [exports["default"], exports["functions"], exports["handler"]]) {
    const app = asApp(candidate);
    if (app) {
      return app;
    }
  }
  if (served) {
    return served;
  }
  throw new Error(
    "the entry exports no functions: write `export default serve({ client, functions: [first, second] })`, or `export default [first, second]`",
  );
}

function asApp(candidate: unknown): App | undefined {
  if (typeof candidate !== "object" || candidate === null) {
    return undefined;
  }
  if (apps.has(candidate)) {
    return candidate as App;
  }
  const list = Array.isArray(candidate) ? (candidate as unknown[]) : [candidate];
  if (!list.every((it) => it instanceof InngestFunction)) {
    return undefined;
  }
  const functions = list as InngestFunction<any, any>[];
  return newApp(functions[0]?.client as Inngest<any> | undefined, functions);
}
