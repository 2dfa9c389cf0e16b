/** `Event`, `EventTarget`, `AbortController` and `AbortSignal`. There is no tree of targets, so events neither bubble nor are captured. */
import { clearTimer, setTimeout } from "./loop.ts";

type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };

export class Event {
  readonly type: string;
  readonly cancelable: boolean;
  readonly timeStamp = Date.now();
  target: EventTarget | null = null;
  currentTarget: EventTarget | null = null;
  defaultPrevented = false;
  stopped = false;

  constructor(type: string, options: { cancelable?: boolean } = {}) {
    this.type = String(type);
    this.cancelable = options.cancelable === true;
  }

  preventDefault(): void {
    this.defaultPrevented = this.cancelable;
  }

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.stopped = true;
  }
}

export class CustomEvent extends Event {
  readonly detail: unknown;

  constructor(type: string, options: { cancelable?: boolean; detail?: unknown } = {}) {
    super(type, options);
    this.detail = options.detail ?? null;
  }
}

interface Registered {
  type: string;
  listener: Listener;
  once: boolean;
}

export class EventTarget {
  #listeners: Registered[] = [];

  addEventListener(type: string, listener: Listener | null, options?: boolean | { once?: boolean; signal?: AbortSignal }): void {
    const { once = false, signal } = typeof options === "object" ? options : {};
    const known = this.#listeners.some((entry) => entry.type === type && entry.listener === listener);
    if (listener === null || known || signal?.aborted === true) {
      return;
    }
    this.#listeners.push({ type, listener, once });
    signal?.addEventListener("abort", () => this.removeEventListener(type, listener));
  }

  removeEventListener(type: string, listener: Listener | null): void {
    this.#listeners = this.#listeners.filter((entry) => entry.type !== type || entry.listener !== listener);
  }

  dispatchEvent(event: Event): boolean {
    event.target = this;
    event.currentTarget = this;
    for (const entry of [...this.#listeners]) {
      if (entry.type !== event.type || event.stopped || !this.#listeners.includes(entry)) {
        continue;
      }
      if (entry.once) {
        this.removeEventListener(entry.type, entry.listener);
      }
      if (typeof entry.listener === "function") {
        entry.listener.call(this, event);
      } else {
        entry.listener.handleEvent(event);
      }
    }
    event.currentTarget = null;
    return !event.defaultPrevented;
  }
}

/** Only this module makes signals. */
const KEY = Symbol("signals");

export class AbortSignal extends EventTarget {
  aborted = false;
  reason: unknown = undefined;
  onabort: ((event: Event) => void) | null = null;

  constructor(key: symbol) {
    super();
    if (key !== KEY) {
      throw new TypeError("an AbortSignal is made by an AbortController");
    }
  }

  throwIfAborted(): void {
    if (this.aborted) {
      throw this.reason;
    }
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(KEY);
    raise(signal, reason);
    return signal;
  }

  static timeout(ms: number): AbortSignal {
    const signal = new AbortSignal(KEY);
    const timer = setTimeout(() => raise(signal, new DOMException(`the time of ${ms} ms is up`, "TimeoutError")), ms);
    signal.addEventListener("abort", () => clearTimer(timer));
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const any = new AbortSignal(KEY);
    for (const signal of signals) {
      if (signal.aborted) {
        raise(any, signal.reason);
        break;
      }
      signal.addEventListener("abort", () => raise(any, signal.reason), { once: true });
    }
    return any;
  }
}

function raise(signal: AbortSignal, reason: unknown): void {
  if (signal.aborted) {
    return;
  }
  signal.aborted = true;
  signal.reason = reason === undefined ? new DOMException("the operation was aborted", "AbortError") : reason;
  const event = new Event("abort");
  signal.onabort?.call(signal, event);
  signal.dispatchEvent(event);
}

export class AbortController {
  readonly signal = new AbortSignal(KEY);

  abort(reason?: unknown): void {
    raise(this.signal, reason);
  }
}
