/**
 * What there is of Node's `process` in a durable function: the configured variables, in the bodies of steps. Include this file in the `tsconfig.json` of an app that has no
 * `@types/node`.
 */
declare const process: { readonly env: { readonly [variable: string]: string | undefined } };
