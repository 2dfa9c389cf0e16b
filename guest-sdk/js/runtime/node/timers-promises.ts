/** `node:timers/promises`, without `setInterval`. */
interface Options {
  signal?: AbortSignal;
}

export function setTimeout<T = void>(ms?: number, value?: T, { signal }: Options = {}): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = globalThis.setTimeout(() => resolve(value as T), ms);
    signal?.addEventListener("abort", () => {
      globalThis.clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

export const setImmediate = <T = void>(value?: T, options?: Options): Promise<T> => setTimeout(0, value, options);

export const scheduler = {
  wait: (ms: number, options?: Options): Promise<void> => setTimeout(ms, undefined, options),
  yield: (): Promise<void> => setTimeout(0),
};

export default { setTimeout, setImmediate, scheduler };
