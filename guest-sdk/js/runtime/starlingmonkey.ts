/**
 * StarlingMonkey: what the engine lacks, and how the SDK drives it.
 */
const nativeSetTimeout = globalThis.setTimeout;

export const engine = {
  name: "starlingmonkey" as const,
  drive: "async" as const,
  /** A timer that is due at once comes after every promise job. */
  drain: (): Promise<void> => new Promise((resolve) => void nativeSetTimeout(resolve, 0)),
};
