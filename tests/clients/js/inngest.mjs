// Inngest's JavaScript client as it is published, in both of its current major versions, and the environment that it reads.

import { createRequire } from "node:module";
import path from "node:path";

const installed = process.env.ABIDE_INNGEST_JS;
if (!installed) throw new Error("ABIDE_INNGEST_JS names no folder with the clients: `cargo xtask test` installs them and does");
const require = createRequire(path.join(installed, "package.json"));

/** The clients under test. */
export const VERSIONS = ["v3", "v4"].map((major) => ({ major, ...require(`inngest-${major}`) }));

/** What the clients read to find out where they are: a test must not inherit it from the machine that it runs on. */
const READ = /^(INNGEST_|VERCEL|NETLIFY|CF_PAGES|RENDER|RAILWAY_|DENO_)|^(BRANCH|BRANCH_NAME|NODE_ENV|CONTEXT|ENVIRONMENT)$/;

/** Runs `work` with exactly these of the variables that the clients read. */
export async function withEnvironment(variables, work) {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) if (READ.test(name)) delete process.env[name];
  Object.assign(process.env, variables);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

/** Logs nothing: a test says what it expects. */
export const quiet = { debug() {}, info() {}, warn() {}, error() {} };
