/**
 * Promises as a library, for an engine whose own jobs run only after the host's call has returned.
 *
 * It follows ECMA-262 step by step, so that jobs run in the same order as on any other engine: the order in which a workflow starts its
 * steps is part of its journal. What is awaited reaches it because the bundler turns `async` functions into generators over `Promise`.
 *
 * It must not know the host: whoever owns the loop calls {@link runJobs}.
 */

type Job = () => void;

const jobs: Job[] = [];
let first = 0;

/** Adds a job behind those that wait. */
export function enqueueJob(job: Job): void {
  jobs.push(job);
}

/** Runs jobs until none is left, those included that they add. */
export function runJobs(): void {
  while (first < jobs.length) {
    const job = jobs[first] as Job;
    jobs[first++] = nothing;
    // Long queues give back what they used.
    if (first > 1024) {
      jobs.splice(0, first);
      first = 0;
    }
    job();
  }
  jobs.length = 0;
  first = 0;
}

function nothing(): void {}

type Settle = { resolve: (value: unknown) => void; reject: (reason: unknown) => void };
type Capability = Settle & { promise: unknown };
type Reaction = { capability: Capability | undefined; fulfilled: unknown; rejected: unknown };
type Constructor = new (executor: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void) => unknown;

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;

class State {
  status: number = PENDING;
  value: unknown = undefined;
  reactions: Reaction[] | undefined = [];
}

/** What makes an object a promise of ours, as the specification's internal slots do. */
const states = new WeakMap<object, State>();

function stateOf(promise: unknown, method: string): State {
  const state = isObject(promise) ? states.get(promise) : undefined;
  if (state === undefined) {
    throw new TypeError(`Promise.prototype.${method} was called on something that is no promise`);
  }
  return state;
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function settle(state: State, status: number, value: unknown): void {
  const reactions = state.reactions as Reaction[];
  state.status = status;
  state.value = value;
  state.reactions = undefined;
  for (const reaction of reactions) {
    enqueueReaction(reaction, status, value);
  }
}

function enqueueReaction({ capability, fulfilled, rejected }: Reaction, status: number, value: unknown): void {
  const handler = status === FULFILLED ? fulfilled : rejected;
  enqueueJob(() => {
    let result: unknown = value;
    if (typeof handler === "function") {
      try {
        result = handler(value);
      } catch (error) {
        capability?.reject(error);
        return;
      }
    } else if (status === REJECTED) {
      capability?.reject(value);
      return;
    }
    capability?.resolve(result);
  });
}

/** The functions that settle a promise: only the first call of one of them counts. */
function resolvingFunctions(promise: object, state: State): Settle {
  let done = false;
  const reject = (reason: unknown): void => {
    if (!done) {
      done = true;
      settle(state, REJECTED, reason);
    }
  };
  const resolve = (value: unknown): void => {
    if (done) {
      return;
    }
    done = true;
    if (value === promise) {
      settle(state, REJECTED, new TypeError("a promise cannot be resolved with itself"));
      return;
    }
    let then: unknown;
    try {
      then = isObject(value) ? (value as { then?: unknown }).then : undefined;
    } catch (error) {
      settle(state, REJECTED, error);
      return;
    }
    if (typeof then !== "function") {
      settle(state, FULFILLED, value);
      return;
    }
    const adopt = then;
    enqueueJob(() => {
      const next = resolvingFunctions(promise, state);
      try {
        adopt.call(value, next.resolve, next.reject);
      } catch (error) {
        next.reject(error);
      }
    });
  };
  return { resolve, reject };
}

function newCapability(constructor: unknown): Capability {
  if (typeof constructor !== "function") {
    throw new TypeError("the receiver is no constructor of promises");
  }
  let resolve: unknown;
  let reject: unknown;
  const promise = new (constructor as Constructor)((onResolve, onReject) => {
    if (resolve !== undefined || reject !== undefined) {
      throw new TypeError("the executor was called twice");
    }
    resolve = onResolve;
    reject = onReject;
  });
  if (typeof resolve !== "function" || typeof reject !== "function") {
    throw new TypeError("the constructor gave no functions to settle the promise");
  }
  return { promise, resolve: resolve as Settle["resolve"], reject: reject as Settle["reject"] };
}

function promiseResolve(constructor: unknown, value: unknown): unknown {
  if (isObject(value) && states.has(value) && (value as { constructor?: unknown }).constructor === constructor) {
    return value;
  }
  const capability = newCapability(constructor);
  capability.resolve(value);
  return capability.promise;
}

function speciesOf(promise: object): unknown {
  const { constructor } = promise as { constructor?: { [Symbol.species]?: unknown } };
  if (constructor === undefined) {
    return LibraryPromise;
  }
  const species = constructor[Symbol.species];
  return species === undefined || species === null ? LibraryPromise : species;
}

type Visit = (next: { then(fulfilled: unknown, rejected: unknown): unknown }, index: number, capability: Capability) => void;

/** What `all`, `allSettled`, `any` and `race` have in common: a walk over an iterable, whose errors reject the result. */
function combine(constructor: unknown, iterable: Iterable<unknown>, visit: Visit, end: (count: number, capability: Capability) => void): unknown {
  const capability = newCapability(constructor);
  try {
    const { resolve } = constructor as { resolve?: unknown };
    if (typeof resolve !== "function") {
      throw new TypeError("the constructor has no `resolve`");
    }
    let index = 0;
    for (const value of iterable) {
      visit(resolve.call(constructor, value), index++, capability);
    }
    end(index, capability);
  } catch (error) {
    capability.reject(error);
  }
  return capability.promise;
}

/** Collects one value for every member, and says when all are there. */
function collector(complete: (values: unknown[], capability: Capability) => void) {
  const values: unknown[] = [];
  let remaining = 1;
  const countDown = (capability: Capability): void => {
    remaining -= 1;
    if (remaining === 0) {
      complete(values, capability);
    }
  };
  return {
    expect(index: number, capability: Capability): (value: unknown) => void {
      values[index] = undefined;
      remaining += 1;
      let called = false;
      return (value) => {
        if (!called) {
          called = true;
          values[index] = value;
          countDown(capability);
        }
      };
    },
    end(_count: number, capability: Capability): void {
      countDown(capability);
    },
  };
}

/** `Promise`. Its type is the library's own: the bundle sees it under the global name. */
export class LibraryPromise {
  static get [Symbol.species](): unknown {
    return this;
  }

  constructor(executor: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void) {
    if (typeof executor !== "function") {
      throw new TypeError("a promise needs a function to execute");
    }
    const state = new State();
    states.set(this, state);
    const { resolve, reject } = resolvingFunctions(this, state);
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  then(fulfilled?: unknown, rejected?: unknown): unknown {
    const state = stateOf(this, "then");
    const capability = newCapability(speciesOf(this));
    const reaction = { capability, fulfilled, rejected };
    if (state.reactions === undefined) {
      enqueueReaction(reaction, state.status, state.value);
    } else {
      state.reactions.push(reaction);
    }
    return capability.promise;
  }

  catch(rejected?: unknown): unknown {
    return this.then(undefined, rejected);
  }

  finally(action?: unknown): unknown {
    if (typeof action !== "function") {
      return this.then(action, action);
    }
    const constructor = speciesOf(this);
    const after = (value: () => unknown) => (promiseResolve(constructor, action()) as LibraryPromise).then(value);
    return this.then(
      (value: unknown) => after(() => value),
      (reason: unknown) =>
        after(() => {
          throw reason;
        }),
    );
  }

  get [Symbol.toStringTag](): string {
    return "Promise";
  }

  static resolve(value?: unknown): unknown {
    return promiseResolve(this, value);
  }

  static reject(reason?: unknown): unknown {
    const capability = newCapability(this);
    capability.reject(reason);
    return capability.promise;
  }

  static withResolvers(): Capability {
    const { promise, resolve, reject } = newCapability(this);
    return { promise, resolve, reject };
  }

  static try(action: (...args: unknown[]) => unknown, ...args: unknown[]): unknown {
    const capability = newCapability(this);
    try {
      capability.resolve(action(...args));
    } catch (error) {
      capability.reject(error);
    }
    return capability.promise;
  }

  static all(iterable: Iterable<unknown>): unknown {
    const { expect, end } = collector((values, capability) => capability.resolve(values));
    return combine(this, iterable, (next, index, capability) => void next.then(expect(index, capability), capability.reject), end);
  }

  static allSettled(iterable: Iterable<unknown>): unknown {
    const { expect, end } = collector((values, capability) => capability.resolve(values));
    const visit: Visit = (next, index, capability) => {
      const collect = expect(index, capability);
      next.then(
        (value: unknown) => collect({ status: "fulfilled", value }),
        (reason: unknown) => collect({ status: "rejected", reason }),
      );
    };
    return combine(this, iterable, visit, end);
  }

  static any(iterable: Iterable<unknown>): unknown {
    const { expect, end } = collector((errors, capability) => capability.reject(new AggregateError(errors, "every promise was rejected")));
    return combine(this, iterable, (next, index, capability) => void next.then(capability.resolve, expect(index, capability)), end);
  }

  static race(iterable: Iterable<unknown>): unknown {
    return combine(this, iterable, (next, _index, capability) => void next.then(capability.resolve, capability.reject), nothing);
  }
}
