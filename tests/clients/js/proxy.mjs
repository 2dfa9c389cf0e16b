// A proxy between a client and the server that does what networks do: answers of its own, and answers that get lost.

import http from "node:http";

/** Answers the first requests as `faults` says, one each, and hands on all others. A fault is a status that the proxy answers itself, or
 * `"lost"`: the server gets the request, and the client gets no answer. */
export class FlakyProxy {
  static async start(target, faults) {
    const proxy = new FlakyProxy(target, faults);
    await new Promise((resolve) => proxy.server.listen(0, "127.0.0.1", resolve));
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  constructor(target, faults) {
    this.target = new URL(target);
    this.faults = [...faults];
    this.requests = [];
    this.server = http.createServer((request, response) => this.serve(request, response));
  }

  async serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    this.requests.push({ method: request.method, url: request.url, headers: request.headers, body: body.toString() });
    const fault = this.faults.shift();
    if (typeof fault === "number") {
      response.writeHead(fault, { "content-type": "application/json", "retry-after": "0" });
      response.end(JSON.stringify({ ids: [], status: fault, error: "the proxy says so" }));
      return;
    }
    // A request to a proxy names the whole URL; only its path goes on.
    const route = new URL(request.url, this.target);
    const onward = http.request({
      host: this.target.hostname,
      port: this.target.port,
      method: request.method,
      path: route.pathname + route.search,
      headers: { ...request.headers, host: this.target.host },
    });
    onward.on("error", () => response.destroy());
    onward.on("response", (answer) => {
      if (fault === "lost") {
        answer.resume().on("end", () => response.destroy());
        return;
      }
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.end(body);
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
