// What the build tells its caller: one JSON object a line.

/**
 * A place in the author's code with what is wrong there.
 * @typedef {object} Problem
 * @property {string} [file] absolute path
 * @property {number} [line] from 1
 * @property {number} [column] from 1
 * @property {string} message what is wrong
 * @property {string} [help] what to do about it
 */

export class Report {
  /** Whether an error was told. */
  failed = false;
  #output;
  #told = new Set();

  /** @param {{ write(text: string): unknown }} output */
  constructor(output) {
    this.#output = output;
  }

  /** @param {"bundle" | "engine" | "componentize"} name */
  phase(name) {
    this.#line({ phase: name });
  }

  /** @param {Problem} problem */
  error(problem) {
    this.failed = true;
    this.#line({ error: problem });
  }

  /** @param {Problem} problem */
  warning(problem) {
    this.#line({ warning: problem });
  }

  /** @param {{ bytes: number, inputs: string[] }} result */
  done(result) {
    this.#line({ done: result });
  }

  #line(value) {
    const text = JSON.stringify(value);
    // One mistake is found by several checks, or reached over several imports: it is told once.
    if (!this.#told.has(text)) {
      this.#told.add(text);
      this.#output.write(`${text}\n`);
    }
  }
}
