/** `node:process`: the variables of a body, and the little else that makes sense in a sandbox. */
interface Process {
  env: Record<string, string | undefined>;
  nextTick(callback: (...args: unknown[]) => void, ...args: unknown[]): void;
  emitWarning(warning: unknown): void;
  platform: string;
  version: string;
  versions: Record<string, string>;
}

const here = (globalThis as unknown as { process: Process }).process;

export default here;
export const { emitWarning, env, nextTick, platform, version, versions } = here;
