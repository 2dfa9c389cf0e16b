// The binary as a user starts it, with the app that the tests look at.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { Server as Binary } from "../../clients/js/server.mjs";
import { selfSigned } from "./certificate.mjs";

/** Machine code of the app is made once for all servers of a user. */
const CODE = path.join(process.env.ABIDE_BROWSER_CACHE ?? path.join(os.tmpdir(), "abide-browser"), "code");

const serve = (data, more = []) => ["serve", "--listen", "127.0.0.1:0", "--data", data, "--code-cache", CODE, ...more];

/** A server with `shop` deployed. With `key`, it asks for keys, and that one may do everything. */
export class Server extends Binary {
  /** Asks nobody for a key. */
  static async open() {
    return Server.with(await Binary.start((data) => serve(data, ["--insecure"])));
  }

  /** Asks for keys, as in production. `more` are further options. */
  static async guarded(more = []) {
    const key = randomBytes(32).toString("hex");
    const server = await Binary.start((data) => serve(data, more), { ABIDE_ADMIN_KEY: key });
    return Server.with(server, key);
  }

  /** Asks for keys, over TLS, with a certificate that nobody knows. */
  static async overTls() {
    const folder = await mkdtemp(path.join(os.tmpdir(), "abide-tls-"));
    const [certificate, secret] = [path.join(folder, "cert.pem"), path.join(folder, "key.pem")];
    const pair = selfSigned();
    await writeFile(certificate, pair.certificate);
    await writeFile(secret, pair.key, { mode: 0o600 });
    const key = randomBytes(32).toString("hex");
    const tls = ["--tls-cert", certificate, "--tls-key", secret];
    const server = new Server(await Binary.start((data) => serve(data, tls), { ABIDE_ADMIN_KEY: key }), key);
    // They are read.
    await rm(folder, { recursive: true });
    return server;
  }

  /** What an author starts: it builds an app and asks nobody for a key. */
  static async development() {
    const server = new Server(await Binary.dev());
    await server.deployed();
    return server;
  }

  /** Serves nothing yet. */
  static async empty() {
    return new Server(await Binary.start((data) => serve(data, ["--insecure"])));
  }

  static async with(binary, key) {
    const server = new Server(binary, key);
    await server.deploy();
    return server;
  }

  constructor({ child, data, output, url }, key) {
    super(child, data);
    Object.assign(this, { output, url, key });
    /** Other servers that a test has pages ask. */
    this.also = new Set();
  }

  async deploy(environment) {
    const component = await readFile(path.join(process.env.ABIDE_TEST_GUESTS, "shop.wasm"));
    const answer = await fetch(`${this.url}/api/v1/apps/shop`, {
      method: "PUT",
      body: component,
      headers: this.headers(environment),
    });
    assert.equal(answer.status, 200, await answer.text());
  }

  headers(environment) {
    return {
      ...(this.key && { authorization: `Bearer ${this.key}` }),
      ...(environment && { "x-abide-environment": environment }),
    };
  }

  /** The API's answer, which must be a good one. */
  async api(method, route, body, environment) {
    const { status, json } = await this.call(method, route, body, this.headers(environment));
    assert.ok(status < 300, `${method} ${route}: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  run(id, environment) {
    return this.api("GET", `/api/v1/runs/${id}`, undefined, environment);
  }

  /** The runs that a query finds, up to 200. */
  async runs(query = "", environment) {
    return (await this.api("GET", `/api/v1/runs?limit=200&${query}`, undefined, environment)).data;
  }

  /** Sends an event; its id. */
  async send(name, data, environment) {
    const { ids } = await this.api("POST", `/e/${this.key ?? "any"}`, { name, data }, environment);
    return ids[0];
  }

  /** Sends an event; the id of the only run that it starts of a function, as soon as that stands as asked. */
  async start(functionId, name, data, status, environment) {
    const event = await this.send(name, data, environment);
    const run = await this.until(`${functionId} runs for ${name}`, async () => {
      const { runs } = await this.api("GET", `/api/v1/events/${event}`, undefined, environment);
      return runs.find((run) => run.function_id === functionId)?.run_id;
    });
    if (status) await this.reaches(run, status, environment);
    return run;
  }

  /** Waits until a run stands as asked: a status, or a condition on the run. The run. */
  reaches(id, wanted, environment) {
    const holds = typeof wanted === "function" ? wanted : (run) => run.status === wanted;
    return this.until(`run ${id} is ${wanted}`, async () => {
      const run = await this.run(id, environment);
      return holds(run) && run;
    });
  }
}
