// Node's built-in modules: some have a counterpart here, the others are refused.

import { isBuiltin } from "node:module";

/**
 * @returns {import("esbuild").Plugin}
 */
export function builtins() {
  return {
    name: "abide-builtins",
    setup(build) {
      build.onResolve({ filter: /^(?:node:)?[a-z_]+(?:\/[a-z_]+)?$/ }, ({ path }) => {
        if (!isBuiltin(path)) {
          return undefined;
        }
        return { errors: [{ text: `\`${path}\` does not exist in a sandbox` }] };
      });
    },
  };
}
