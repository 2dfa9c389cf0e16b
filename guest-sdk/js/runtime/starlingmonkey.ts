/**
 * StarlingMonkey: what the engine lacks, and how the SDK drives it.
 *
 * It is the first module of a bundle: what follows, the SDK included, finds the globals in place.
 */
import { getEnvironment } from "wasi:cli/environment@0.2.10";

import { installEnvironment } from "./environment.ts";
import { mapStack } from "./stack.ts";

// The SDK guards the one that authors see.
const nativeSetTimeout = globalThis.setTimeout;

const environment = (): Record<string, string> => Object.fromEntries(getEnvironment());

installEnvironment(environment);

export const engine = {
  name: "starlingmonkey" as const,
  drive: "async" as const,
  /** A timer that is due at once comes after every promise job. */
  drain: (): Promise<void> => new Promise((resolve) => void nativeSetTimeout(resolve, 0)),
  mapStack,
  environment,
};
