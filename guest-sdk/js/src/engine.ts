/**
 * The seam to the JavaScript engine inside the component. The modules in `runtime/` implement it, one for each engine; the scheduler and the
 * guards are all that uses it.
 */

export interface Engine {
  readonly name: "starlingmonkey" | "quickjs" | "node";
  /**
   * How an exported function is driven: `async`, where it returns a promise that the engine's event loop settles, or `sync`, where it returns its value and
   * the SDK empties the job queue by hand.
   */
  readonly drive: "async" | "sync";
  /** Runs ready promise jobs until none is left. An `async` engine says so by settling the promise. */
  drain(): void | Promise<void>;
  /** Of a `sync` engine, while a body executes: blocks until a timer or input has made something ready; `false` if nothing ever can. */
  wait?(): boolean;
  /** Translates the positions of a stack to the author's files. */
  mapStack?(stack: string): string;
  /** The configured variables, read now. */
  environment?(): Record<string, string>;
}
