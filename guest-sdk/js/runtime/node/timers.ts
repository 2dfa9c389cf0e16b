/** `node:timers`. The globals are looked up at every call, since the SDK guards them. */
type Callback = (...args: unknown[]) => void;

export const setTimeout = (callback: Callback, ms?: number, ...args: unknown[]): unknown => globalThis.setTimeout(callback, ms, ...args);
export const setInterval = (callback: Callback, ms?: number, ...args: unknown[]): unknown => globalThis.setInterval(callback, ms, ...args);
export const setImmediate = (callback: Callback, ...args: unknown[]): unknown => globalThis.setTimeout(callback, 0, ...args);
export const clearTimeout = (id: number): void => globalThis.clearTimeout(id);
export const clearInterval = (id: number): void => globalThis.clearInterval(id);
export const clearImmediate = clearTimeout;

export default { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate };
