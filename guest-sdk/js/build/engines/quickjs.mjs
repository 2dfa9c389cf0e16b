// The small engine: QuickJS.

import { join } from "node:path";

export async function componentize({ code }, { sdk }, tools) {
  const { componentize } = await tools.load("componentize-qjs");
  const { component } = await componentize({ witPath: join(sdk, "wit"), jsSource: code, world: "app", sync: true });
  return component;
}
