/**
 * `process` with `env`: the app's configured variables, which only bodies may read.
 *
 * Workflow code must not depend on them: they may be configured anew while a run is under way, and its journal could not say so. The bundler writes
 * `__abide_env` where the author wrote `process.env`; packages keep `process.env`, which is empty where the author's would throw, since many of
 * them look for a variable that they can do without.
 */

/** Which code runs: modules that are evaluated while the app is built, the description, workflow code or the body of a step. */
type Phase = "snapshot" | "describe" | "workflow" | "body";

/** The SDK says which code runs by a function under this key of the global object. */
const PHASE = Symbol.for("abide.phase");

export type Variables = Record<string, string>;

function phase(): Phase {
  const ask = (globalThis as { [PHASE]?: () => Phase })[PHASE];
  return ask?.() ?? "snapshot";
}

function refusal(name: string): Error {
  return new Error(
    phase() === "workflow"
      ? `process.env.${name} was read in workflow code, where there are no variables; read it inside the body of a step`
      : `process.env.${name} was read while the module was loaded, which happens when the app is built; read it inside the body of a step`,
  );
}

function environment(read: () => Variables, strict: boolean): Variables {
  const now = (name: string): Variables => {
    if (phase() === "body") {
      return read();
    }
    if (strict && phase() !== "describe") {
      throw refusal(name);
    }
    return {};
  };
  return new Proxy<Variables>(
    {},
    {
      get: (_, name) => (typeof name === "string" ? now(name)[name] : undefined),
      has: (_, name) => typeof name === "string" && name in now(name),
      ownKeys: () => Object.keys(now("*")),
      getOwnPropertyDescriptor: (_, name) => (typeof name === "string" ? Object.getOwnPropertyDescriptor(now(name), name) : undefined),
      set: (_, name) => {
        if (strict) {
          throw new Error(`process.env.${String(name)} cannot be set: variables are configured under [vars] in abide.toml`);
        }
        return true;
      },
    },
  );
}

/** Makes `process` and the author's `process.env`. */
export function installEnvironment(read: () => Variables): void {
  const process = {
    env: environment(read, false),
    argv: [] as string[],
    browser: true,
    platform: "abide",
    version: "",
    versions: {},
    nextTick: (callback: (...args: unknown[]) => void, ...args: unknown[]): void => queueMicrotask(() => callback(...args)),
    cwd: (): string => "/",
    emitWarning: (warning: unknown): void => console.warn(String(warning)),
  };
  for (const [name, value] of [
    ["process", process],
    ["__abide_env", environment(read, true)],
  ] as const) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
}
