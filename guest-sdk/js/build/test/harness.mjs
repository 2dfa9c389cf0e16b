// What the tests share: apps in temporary folders, builds of them, and a server to run them on.
//
// The tools are those of ABIDE_JS_TOOLS, else those beside the build script (`npm ci`); the server is ABIDE_BIN, else the one that cargo built.

import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { build as buildApp } from "../lib/build.mjs";
import { Report } from "../lib/report.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);

export const SDK = resolve(here, "../..");
export const TOOLS = process.env.ABIDE_JS_TOOLS ?? resolve(here, "..");

if (!existsSync(join(TOOLS, "node_modules"))) {
  throw new Error(`no tools in ${TOOLS}: run \`npm ci --ignore-scripts\` there, or set ABIDE_JS_TOOLS to what \`abide tools typescript\` prints`);
}

/** The binary to run apps with. */
export function abide() {
  const binary = [process.env.ABIDE_BIN, ...["release", "debug"].map((profile) => resolve(SDK, "../../target", profile, "abide"))].find((path) => path !== undefined && existsSync(path));
  if (binary === undefined) {
    throw new Error("no abide to run apps with: build it (`cargo build --release -p abide`), or set ABIDE_BIN");
  }
  return binary;
}

/** A temporary folder that goes with the test. */
export async function folder(t) {
  const path = await mkdtemp(join(tmpdir(), "abide-js-test-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Writes the files of an app: names and contents. A text is `src/index.ts`. */
export async function app(t, files) {
  const path = await folder(t);
  const all = typeof files === "string" ? { "src/index.ts": files } : files;
  for (const [name, content] of Object.entries({ "package.json": "{}", ...all })) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return path;
}

/**
 * Builds an app, in this process.
 * @returns {Promise<{ lines: any[], errors: any[], warnings: any[], done: any, out: string }>}
 */
export async function build(path, { engine = "starlingmonkey", entry, sdk = SDK, out = join(path, "app.wasm") } = {}) {
  let text = "";
  const report = new Report({ write: (line) => (text += line) });
  await buildApp({ app: path, sdk, tools: TOOLS, out, entry, engine }, report);
  return { ...told(text), out };
}

/** The same as `abide build` does it: by the command line. */
export async function buildByCommand(path, ...more) {
  const out = join(path, "app.wasm");
  const args = [join(here, "../main.mjs"), "--app", path, "--sdk", SDK, "--tools", TOOLS, "--out", out, ...more];
  const { code = 0, stdout } = await run(process.execPath, args).catch((failed) => failed);
  return { ...told(stdout), code, out };
}

function told(text) {
  const lines = text.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const of = (key) => lines.filter((line) => key in line).map((line) => line[key]);
  return { lines, errors: of("error"), warnings: of("warning"), done: of("done")[0] };
}

/** Starts a server of its own for the test. */
export async function serve(t) {
  const data = await folder(t);
  const server = spawn(abide(), ["serve", "--insecure", "--data", data, "--listen", "127.0.0.1:0", "--check-replay"], { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => new Promise((ended) => (server.on("exit", ended), server.kill())));
  const url = await new Promise((found, failed) => {
    let text = "";
    server.stdout.on("data", (chunk) => {
      text += chunk;
      const listening = /listening on (http:\S+)/.exec(text);
      if (listening !== null) {
        found(listening[1]);
      }
    });
    server.on("exit", (code) => failed(new Error(`the server ended with ${code}`)));
  });
  const command = async (...args) => (await run(abide(), [...args, "--url", url], { maxBuffer: 1 << 26 })).stdout;
  return {
    url,
    deploy: (file, id, ...rest) => command("deploy", file, "--app", id, ...rest),
    /** Sends an event and waits for the runs that it starts: by function, what became of them. */
    send: async (name, data = {}, timeout = "60s") => {
      const args = ["send", name, "--data", JSON.stringify(data), "--wait", "--timeout", timeout, "--json", "--url", url];
      // The exit code tells about the runs, whose ends are what the test looks at.
      const { stdout } = await run(abide(), args, { maxBuffer: 1 << 26 }).catch((failed) => failed);
      return Object.fromEntries(JSON.parse(stdout).runs.map((run) => [run.function_id.split("/").pop(), run]));
    },
    logs: (run) => command("runs", "logs", run),
    event: (name, data = {}) => command("send", name, "--data", JSON.stringify(data)),
  };
}
