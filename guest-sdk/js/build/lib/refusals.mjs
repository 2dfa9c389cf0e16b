// What a sandbox does not have, in the words that the author reads: what it is, and what to do instead.

const IN_A_STEP = "move it into the body of a step: `await step.run(\"…\", async () => …)`";
const NO_FILES = "there are no files in a sandbox: import the data as a module (`import data from \"./data.json\"`), or keep it in a store that is reached over HTTP from the body of a step";

/** Names that exist in Node, Bun, Deno or a browser, and not here. */
const FREE_NAMES = {
  __dirname: NO_FILES,
  __filename: NO_FILES,
  Bun: "use what the web platform has too, such as `fetch` in the body of a step",
  Deno: "use what the web platform has too, such as `fetch` in the body of a step",
  window: "use `globalThis`",
  document: "there is no page here",
  localStorage: "return what must last from a step: its result is journaled",
  sessionStorage: "return what must last from a step: its result is journaled",
  XMLHttpRequest: "use `fetch` in the body of a step",
  EventSource: "use `fetch` in the body of a step, or wait for an event with `step.waitForEvent`",
  WebSocket: "use `fetch` in the body of a step, or wait for an event with `step.waitForEvent`",
  Worker: "run steps in parallel with `Promise.all`, or start another function with `step.invoke`",
  Intl: "format with a package that brings its own data, such as date-fns",
  WebAssembly: "the app is WebAssembly itself and cannot load more of it: use a package in JavaScript",
};

const ONLY_STARLINGMONKEY = "it is there with `engine = \"starlingmonkey\"` under [build] in abide.toml";
const NOT_IN_QUICKJS = new Set(["FormData", "Blob", "File", "CompressionStream", "DecompressionStream"]);

/** @returns {{ message: string, help: string } | undefined} */
export function freeNameRefusal(name, engine) {
  if (Object.hasOwn(FREE_NAMES, name)) {
    return { message: `\`${name}\` does not exist in a sandbox`, help: FREE_NAMES[name] };
  }
  if (engine === "quickjs" && NOT_IN_QUICKJS.has(name)) {
    return { message: `\`${name}\` does not exist in the engine quickjs`, help: ONLY_STARLINGMONKEY };
  }
  return undefined;
}

const PROCESS = {
  exit: "return from the function, or throw an error: `NonRetriableError` ends the run",
  exitCode: "return from the function, or throw an error: `NonRetriableError` ends the run",
  abort: "throw an error: `NonRetriableError` ends the run",
  kill: "throw an error: `NonRetriableError` ends the run",
  on: "an error that nobody catches fails the step, or the run: use `onFailure` of the function",
  once: "an error that nobody catches fails the step, or the run: use `onFailure` of the function",
  cwd: NO_FILES,
  chdir: NO_FILES,
  argv: "there is no command line: configure variables under [vars] in abide.toml, and read `process.env` in the body of a step",
  stdin: "there is no input: wait for an event with `step.waitForEvent`",
  stdout: "use `console.log` or the handler's `logger`",
  stderr: "use `console.error` or the handler's `logger`",
  hrtime: "use `Date.now()` or `performance.now()` in the body of a step",
  uptime: "use `Date.now()` in the body of a step",
};
const PROCESS_ALLOWED = new Set(["env", "nextTick", "platform", "browser", "version", "versions", "emitWarning"]);

/** @returns {{ message: string, help: string } | undefined} */
export function processRefusal(name) {
  if (typeof name !== "string" || PROCESS_ALLOWED.has(name)) {
    return undefined;
  }
  return {
    message: `\`process.${name}\` does not exist in a sandbox`,
    help: Object.hasOwn(PROCESS, name) ? PROCESS[name] : "a function is no process of its own: leave it out",
  };
}

/** @returns {{ message: string, help: string } | undefined} */
export function importMetaRefusal(name) {
  if (name === "env") {
    return { message: "`import.meta.env` does not exist in a sandbox", help: "configure variables under [vars] in abide.toml, and read `process.env` in the body of a step" };
  }
  return ["url", "dirname", "filename", "resolve"].includes(name) ? { message: `\`import.meta.${name}\` does not exist in a sandbox`, help: NO_FILES } : undefined;
}

const AT_BUILD = "outside of a function, which happens once, when the app is built";
const RANDOM = ["Math.random", "crypto.randomUUID", "crypto.getRandomValues", "nanoid", "uuidv4"];
const TIME = ["Date", "Date.now", "performance.now"];
const WAITING = ["setTimeout", "setInterval", "setImmediate", "fetch"];

/**
 * @param {string} what
 * @param {string} [variable]
 * @returns {{ message: string, help: string, warning?: boolean } | undefined}
 */
export function moduleCodeRefusal(what, variable) {
  if (what === "process.env") {
    const name = variable === undefined ? "process.env" : `process.env.${variable}`;
    return {
      message: `\`${name}\` is read ${AT_BUILD}`,
      help: "read it where it is used, in the body of a step; what needs it to be made (a client, a configuration) becomes a function that makes it there. Its value is configured under [vars] in abide.toml",
    };
  }
  if (what === "await") {
    return { message: `\`await\` is used ${AT_BUILD} and nothing can be waited for`, help: IN_A_STEP };
  }
  if (WAITING.includes(what)) {
    return { message: `\`${what}\` is called ${AT_BUILD} and nothing can be waited for`, help: IN_A_STEP };
  }
  if (RANDOM.includes(what)) {
    return { message: `\`${what}\` is called ${AT_BUILD}: every run would see the same value`, help: "call it in the function, or in the body of a step" };
  }
  if (TIME.includes(what)) {
    return { warning: true, message: `\`${what}\` is read ${AT_BUILD}: every run sees the time of the build`, help: "read it in the function, or in the body of a step" };
  }
  return undefined;
}

/** A package that waits while it is loaded. */
export const awaitOfPackage = () => ({ message: "the package uses `await` outside of functions, which the engine quickjs cannot do", help: ONLY_STARLINGMONKEY });

const SOCKETS = "sockets are closed in a sandbox: reach the service over HTTP, with `fetch` in the body of a step";
const BUILTINS = {
  fs: NO_FILES,
  "fs/promises": NO_FILES,
  http: "use `fetch` in the body of a step. A server is not needed: the host calls the functions. If this file is one, name the file that exports the functions as `entry` under [build] in abide.toml",
  https: "use `fetch` in the body of a step",
  http2: "use `fetch` in the body of a step",
  net: SOCKETS,
  tls: SOCKETS,
  dgram: SOCKETS,
  dns: SOCKETS,
  "dns/promises": SOCKETS,
  child_process: "run steps in parallel with `Promise.all`, or start another function with `step.invoke`",
  worker_threads: "run steps in parallel with `Promise.all`, or start another function with `step.invoke`",
  cluster: "run steps in parallel with `Promise.all`, or start another function with `step.invoke`",
  stream: "use web streams: `ReadableStream` and its kin",
  "stream/promises": "use web streams: `ReadableStream` and its kin",
  zlib: "use a package in JavaScript, such as fflate",
  async_hooks: "pass what is needed as an argument",
  os: "the code runs on no particular machine: leave it out",
};

/** @param {string} name without `node:` */
export function builtinRefusal(name) {
  return {
    message: `\`node:${name}\` does not exist in a sandbox`,
    help: Object.hasOwn(BUILTINS, name) ? BUILTINS[name] : "use what the web platform has too, or a package in JavaScript",
  };
}
