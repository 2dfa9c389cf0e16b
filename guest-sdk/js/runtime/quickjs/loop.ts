/**
 * What a body waits for: timers, and input and output that become ready.
 *
 * The loop belongs to the SDK: it calls {@link wait} when no job is left. Workflow code never gets here, since the SDK refuses its timers and
 * requests.
 */
import { subscribeDuration } from "host:clocks/monotonic-clock@0.2.6";
import { poll, type Pollable } from "host:io/poll@0.2.6";

interface Waiting {
  readonly pollable: Pollable;
  /** Timers that are due together fire in the order of their times; what is not a timer comes first. */
  readonly due: number;
  readonly ready: () => void;
}

const NANOS_PER_MS = 1e6;
/** The longest delay, as in browsers and Node: a longer one is no delay. */
const MAX_DELAY_MS = 2 ** 31 - 1;

const waiting = new Map<number, Waiting>();
let lastId = 0;

function add(entry: Waiting): number {
  lastId += 1;
  waiting.set(lastId, entry);
  return lastId;
}

/** Calls `ready` once the pollable is ready, and gives it back to the host. */
export function whenReady(pollable: Pollable, ready: () => void): number {
  return add({ pollable, due: Number.NEGATIVE_INFINITY, ready });
}

/** Stops waiting for what an id stands for; unknown ids do nothing. */
export function forget(id: number): void {
  const entry = waiting.get(id);
  if (entry !== undefined) {
    waiting.delete(id);
    entry.pollable[Symbol.dispose]();
  }
}

/** Blocks until something is ready, and calls what waited for it. `false`: nothing is awaited. */
export function wait(): boolean {
  const entries = [...waiting];
  if (entries.length === 0) {
    return false;
  }
  const ready = poll(entries.map(([, { pollable }]) => pollable)).map((index) => entries[index] as [number, Waiting]);
  ready.sort(([firstId, first], [secondId, second]) => first.due - second.due || firstId - secondId);
  for (const [id, entry] of ready) {
    // One that fired before it may have taken it back.
    if (waiting.get(id) === entry) {
      forget(id);
      entry.ready();
    }
  }
  return true;
}

type Callback = (...args: unknown[]) => void;

function delayOf(delay: unknown): number {
  const ms = Math.trunc(Number(delay));
  return ms > 0 && ms <= MAX_DELAY_MS ? ms : 0;
}

function start(ms: number, fire: () => void): number {
  return add({ pollable: subscribeDuration(ms * NANOS_PER_MS), due: Date.now() + ms, ready: fire });
}

/** Of a repeating timer, the id that it has now. */
const repeating = new Map<number, number>();

export function setTimeout(callback: Callback, delay?: unknown, ...args: unknown[]): number {
  return start(delayOf(delay), () => callback(...args));
}

export function setInterval(callback: Callback, delay?: unknown, ...args: unknown[]): number {
  const ms = Math.max(1, delayOf(delay));
  let id = 0;
  const again = (): void => {
    repeating.set(id, start(ms, fire));
  };
  const fire = (): void => {
    again();
    callback(...args);
  };
  id = start(ms, fire);
  repeating.set(id, id);
  return id;
}

export function clearTimer(id?: unknown): void {
  if (typeof id === "number") {
    forget(repeating.get(id) ?? id);
    repeating.delete(id);
  }
}
