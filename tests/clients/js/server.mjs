// The binary as a user starts it, on a port that the system chose.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
/** A development server compiles its app first: a debug build on a busy machine takes its time. */
const LONGEST_MS = 30 * 60 * 1000;

/** A running server; `stop` ends it. */
export class Server {
  static dev() {
    const app = path.join(repository, "tests", "guests", "ledger");
    return Server.start((data) => ["dev", app, "--port", "0", "--data", data]);
  }

  static async start(command, environment = {}) {
    const binary = process.env.ABIDE_BIN;
    if (!binary) throw new Error("ABIDE_BIN names no binary: `cargo xtask test` does");
    const data = await mkdtemp(path.join(tmpdir(), "abide-clients-"));
    const child = spawn(binary, command(data), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    const server = new Server(child, data);
    server.url = await server.listening();
    return server;
  }

  constructor(child, data) {
    this.child = child;
    this.data = data;
    this.output = [];
  }

  /** The URL, as soon as it is told. */
  listening() {
    return new Promise((resolve, reject) => {
      const read = (line) => {
        this.output.push(line);
        const told = /listening (?:at|on) (https?:\/\/[0-9.]+:\d+)/.exec(line);
        if (told) resolve(told[1]);
      };
      for (const stream of [this.child.stdout, this.child.stderr]) createInterface({ input: stream }).on("line", read);
      this.child.once("error", reject);
      this.child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${this.output.join("\n")}`)));
    });
  }

  /** A request of a program that has no client: what Inngest's documentation does with `fetch`. */
  async call(method, route, body, headers = {}) {
    const answer = await fetch(new URL(route, this.url), {
      method,
      headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, json: text ? JSON.parse(text) : undefined };
  }

  async get(route, headers) {
    const { status, json } = await this.call("GET", route, undefined, headers);
    if (status !== 200) throw new Error(`${route}: ${status} ${JSON.stringify(json)}`);
    return json.data;
  }

  /** Asks until the answer is what is waited for. */
  async until(what, ask) {
    const deadline = Date.now() + LONGEST_MS;
    for (;;) {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      if (this.child.exitCode !== null) throw new Error(`the server ended:\n${this.output.join("\n")}`);
      if (Date.now() > deadline) throw new Error(`it never came that ${what}:\n${this.output.join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until the app is served. */
  deployed(app = "ledger", headers = {}) {
    return this.until(`${app} is served`, async () => {
      const { status } = await this.call("GET", `/api/v1/apps/${app}`, undefined, headers);
      return status === 200;
    });
  }

  async stop() {
    if (this.child.exitCode === null) {
      this.child.removeAllListeners("exit");
      const ended = once(this.child, "exit");
      this.child.kill("SIGTERM");
      await ended;
    }
    await rm(this.data, { recursive: true, force: true });
  }
}
