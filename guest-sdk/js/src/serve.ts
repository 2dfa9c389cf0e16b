/**
 * `serve`: what an app's entry exports.
 */

import type { Inngest } from "./client.ts";
import { InngestFunction } from "./function.ts";

/** An app: a client and its functions. */
export interface App {
  readonly client: Inngest<any> | undefined;
  readonly functions: readonly InngestFunction<any, any>[];
}

const apps = new WeakSet<object>();

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
  const app: App = { client: options.client, functions: options.functions };
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
  // Frameworks want several handlers of one `serve`: export const { GET, POST, PUT } = serve(…).
  const served = Object.values(exports).find((it) => typeof it === "object" && it !== null && apps.has(it));
  if (served) {
    return served as App;
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
  return { client: functions[0]?.client as Inngest<any> | undefined, functions };
}
