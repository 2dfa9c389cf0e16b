/** What the runtime of StarlingMonkey imports of the host. */

declare module "wasi:cli/environment@0.2.10" {
  export function getEnvironment(): [string, string][];
}
