// Checks the types of the repository's TypeScript apps: the examples and the conformance guest. They are the SDK's first users.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const sdk = fileURLToPath(new URL("..", import.meta.url));
const repository = join(sdk, "..", "..");
const folders = [
  join(repository, "tests", "conformance", "guests", "typescript"),
  ...list(join(repository, "examples"))
    .filter((name) => name.endsWith("-ts"))
    .map((name) => join(repository, "examples", name)),
];

function list(folder) {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

let failed = 0;
let passed = 0;
for (const folder of folders.filter((it) => existsSync(join(it, "tsconfig.json")))) {
  const compiler = join(sdk, "node_modules", ".bin", "tsc");
  const types = join(sdk, "node_modules", "@types");
  const { status } = spawnSync(compiler, ["--noEmit", "-p", folder, "--typeRoots", types], { stdio: "inherit" });
  if (status === 0) {
    passed += 1;
  } else {
    failed += 1;
  }
}
console.log(`types of apps: ${passed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed === 0 ? 0 : 1;
