// Apps that run: what bodies and workflow code find on each engine, and what an error says about where it came from.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";

import { app, build, serve } from "./harness.mjs";

/** What says in which order jobs run. It is plain JavaScript, so that Node can say it too. */
const ORDER = `async () => {
  const seen = [];
  const note = (text) => void seen.push(text);
  async function* numbers() { yield 1; yield 2; }
  const settled = Promise.resolve();
  const all = [
    (async () => {
      note("a1"); await settled; note("a2"); await null; note("a3");
      return new Promise((resolve) => resolve());
    })().then(() => note("a4")),
    (async () => { for await (const number of numbers()) note("n" + number); note("n-end"); })(),
    settled.then(() => note("t1")).then(() => note("t2")).finally(() => note("t3")).then(() => note("t4")),
    Promise.resolve({ then(resolve) { resolve("thenable"); } }).then(note),
    Promise.all([1, settled, Promise.resolve(2)]).then(() => note("all")),
    Promise.allSettled([Promise.reject(new Error("x")), 1]).then((ends) => note(ends.map(({ status }) => status).join())),
    Promise.any([Promise.reject(new Error("x")), 2]).then((value) => note("any" + value)),
    Promise.race([new Promise(() => {}), settled]).then(() => note("race")),
    Promise.reject(new Error("caught")).catch((error) => note(error.message)),
  ];
  queueMicrotask(() => note("q"));
  note("sync");
  await Promise.all(all);
  class Later extends Promise {}
  note(new Later(() => {}) instanceof Promise && Later.resolve(1).then(() => 1) instanceof Later);
  return seen.join(" ");
}`;

/** One step that reports what the platform gives to a body, one function that reports what workflow code sees. */
const PLATFORM = `
import { Inngest, serve } from "inngest";
import assert from "node:assert";
import { Buffer as NodeBuffer } from "node:buffer";
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { EventEmitter } from "node:events";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { format, promisify } from "node:util";

const client = new Inngest({ id: "platform" });
const outcome = async (probe: () => unknown) => {
  try {
    return await probe();
  } catch (error) {
    return (error as Error).name + ": " + (error as Error).message;
  }
};

export const platform = client.createFunction({ id: "platform", retries: 0 }, { event: "test/platform" }, async ({ event, step }) => {
  const url: string = event.data.url;
  const workflow = {
    variable: await outcome(() => process.env.GREETING),
    timer: await outcome(() => setTimeout(() => {}, 1)),
    request: await outcome(() => fetch(url)),
    random: Math.random() === Math.random(),
  };
  const body = await step.run("body", async () => ({
    variable: process.env.GREETING,
    absent: process.env.ABSENT ?? null,
    names: Object.keys(process.env),
    mode: process.env.NODE_ENV,
    waited: await outcome(async () => {
      const began = Date.now();
      await wait(20);
      return Date.now() - began >= 20;
    }),
    first: await outcome(() => Promise.race([wait(60_000, "slow"), wait(1, "fast")])),
    get: await outcome(async () => {
      const response = await fetch(url + "/get?a=1", { headers: { "X-Test": "u".normalize("NFC") === "u" ? "yes" : "no" } });
      return [response.status, response.headers.get("content-type"), response.ok, await response.json()];
    }),
    post: await outcome(async () => (await fetch(url + "/echo", { method: "POST", body: JSON.stringify({ text: "größer" }), headers: { "content-type": "application/json" } })).text()),
    large: await outcome(async () => (await (await fetch(url + "/echo", { method: "PUT", body: "x".repeat(300_000) })).text()).length),
    redirected: await outcome(async () => {
      const response = await fetch(new Request(url + "/redirect", { method: "POST", body: "x" }));
      return [response.redirected, new URL(response.url).pathname, (await response.json()).method];
    }),
    streamed: await outcome(async () => {
      let size = 0;
      for await (const chunk of (await fetch(url + "/large")).body as unknown as AsyncIterable<Uint8Array>) {
        size += chunk.length;
      }
      return size;
    }),
    aborted: await outcome(() => fetch(url + "/never", { signal: AbortSignal.timeout(20) })),
    hash: [createHash("sha256").update("abc").digest("hex"), createHmac("sha1", "key").update("abc").digest("base64"), createHash("md5").update(Buffer.from("abc")).digest("hex")],
    equal: timingSafeEqual(NodeBuffer.from("a"), Buffer.from("a")),
    random: [randomBytes(8).length, crypto.randomUUID().length, crypto.randomUUID() === crypto.randomUUID()],
    path: [path.join("a", "..", "b", "c.txt"), path.basename("/x/y.ts", ".ts")],
    events: await outcome(() => new Promise((resolve) => new EventEmitter().on("x", resolve).emit("x", "heard"))),
    util: [format("%s is %d", "one", 1), await promisify((callback: (error: null, value: number) => void) => callback(null, 5))()],
    assert: await outcome(() => assert.deepStrictEqual({ a: 1 }, { a: 2 })).then((text) => String(text).length > 0),
    url: new URL("../b?x=ü#y", "https://user@example.com:8443/a/b/").href,
    query: [...new URLSearchParams("a=1&b=%20x&a=2")].join(),
    text: new TextDecoder().decode(new TextEncoder().encode("aü€😀")),
    broken: new TextDecoder().decode(new Uint8Array([0x61, 0xf0, 0x9f, 0x98, 0x62])),
    base64: [btoa("ÿ"), atob("/w==").charCodeAt(0)],
    clone: structuredClone({ date: new Date(0), map: new Map([["a", [1]]]) }).map.get("a"),
    letters: "ÄÖ ab".replace(/\\p{Lu}+/gu, "X"),
  }));
  return { workflow, body };
});

/** The order of jobs is the order in which steps start: it must not depend on the engine. */
export const order = client.createFunction({ id: "order", retries: 0 }, { event: "test/platform" }, async ({ step }) => {
  const seen = await jobs();
  const ends = await Promise.allSettled([step.run("one", () => 1), step.run("two", async () => { throw new Error("no"); })]);
  return { seen, ends: ends.map(({ status }) => status) };
});

const jobs: () => Promise<string> = ${ORDER};

class OutOfStock extends Error {
  override name = "OutOfStock";
}

function reserve(sku: string): never {
  throw new OutOfStock("no " + sku);
}

export const failing = client.createFunction({ id: "failing", retries: 0 }, { event: "test/failing" }, async ({ step }) => {
  await step.run("reserve", async () => {
    await wait(1);
    reserve("a-1");
  });
});

export const broken = client.createFunction({ id: "broken", retries: 0 }, { event: "test/failing" }, async () => {
  const nothing = undefined as unknown as { field: string };
  return nothing.field;
});

export default serve({ client, functions: [platform, order, failing, broken] });
`;

/** A service to talk to. */
async function service() {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const json = (value) => response.setHeader("content-type", "application/json").end(JSON.stringify(value));
      switch (new URL(request.url, "http://x").pathname) {
        case "/echo":
          return response.end(Buffer.concat(chunks));
        case "/redirect":
          return response.writeHead(302, { location: "/get" }).end();
        case "/large":
          return response.end(Buffer.alloc(200_000, 1));
        case "/never":
          return undefined;
        default:
          return json({ method: request.method, url: request.url, test: request.headers["x-test"] });
      }
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}

const line = (text) => PLATFORM.split("\n").findIndex((source) => source.includes(text)) + 1;

for (const engine of ["starlingmonkey", "quickjs"]) {
  describe(engine, () => {
    const ends = [];
    const t = { after: (end) => ends.push(end) };
    let runs;
    let failures;

    before(async () => {
      const built = await build(await app(t, PLATFORM), { engine });
      assert.deepEqual(built.errors, []);
      const other = await service();
      ends.push(() => other.close(), () => other.closeAllConnections());
      const address = `127.0.0.1:${other.address().port}`;
      const server = await serve(t);
      await server.deploy(built.out, "platform", "--var", "GREETING=hello", "--allow-net", address);
      runs = await server.send("test/platform", { url: `http://${address}` });
      failures = await server.send("test/failing");
    });

    after(async () => {
      for (const end of ends.reverse()) {
        await end();
      }
    });

    test("workflow code is told what it cannot have, and what to do", () => {
      const { workflow } = runs.platform.output;
      assert.match(workflow.variable, /process\.env\.GREETING was read in workflow code.*read it inside the body of a step/);
      assert.match(workflow.timer, /setTimeout does not exist in workflow code.*step\.sleep/);
      assert.match(workflow.request, /network is closed in workflow code/);
      assert.equal(workflow.random, false);
    });

    test("a body has the configured variables", () => {
      const { variable, absent, names, mode } = runs.platform.output.body;
      assert.deepEqual({ variable, absent, names, mode }, { variable: "hello", absent: null, names: ["GREETING"], mode: "production" });
    });

    test("a body has timers", () => {
      const { waited, first } = runs.platform.output.body;
      assert.deepEqual({ waited, first }, { waited: true, first: "fast" });
    });

    test("a body has fetch", () => {
      const { get, post, large, redirected, streamed, aborted } = runs.platform.output.body;
      assert.deepEqual(get, [200, "application/json", true, { method: "GET", url: "/get?a=1", test: "yes" }]);
      assert.equal(post, '{"text":"größer"}');
      assert.deepEqual([large, streamed], [300_000, 200_000]);
      assert.deepEqual(redirected, [true, "/get", "GET"]);
      assert.match(aborted, /TimeoutError/);
    });

    test("what Node's modules and the web platform give", () => {
      const { hash, equal, random, path, events, util, assert: asserted, url, query, text, broken, base64, clone, letters } = runs.platform.output.body;
      assert.deepEqual(
        { hash, equal, random, path, events, util, asserted, url, query, text, broken, base64, clone, letters },
        {
          hash: ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", createHmac("sha1", "key").update("abc").digest("base64"), "900150983cd24fb0d6963f7d28e17f72"],
          equal: true,
          random: [8, 36, false],
          path: ["b/c.txt", "y"],
          events: "heard",
          util: ["one is 1", 5],
          asserted: true,
          url: "https://user@example.com:8443/a/b?x=%C3%BC#y",
          query: "a,1,b, x,a,2",
          text: "aü€😀",
          broken: "a�b",
          base64: ["/w==", 255],
          clone: [1],
          letters: "X ab",
        },
      );
    });

    test("jobs run in the order that the language prescribes", async () => {
      const { seen, ends } = runs.order.output;
      assert.equal(seen, await (0, eval)(`(${ORDER})`)());
      assert.deepEqual(ends, ["fulfilled", "rejected"]);
    });

    test("a failure names the author's class, function, file and line", () => {
      const { error } = failures.failing;
      assert.match(error.message, /no a-1/);
      const [first] = error.stack.split("\n").filter((frame) => frame.trim() !== "");
      assert.match(first.trim(), new RegExp(`^at reserve \\(src/index\\.ts:${line("throw new OutOfStock")}:\\d+\\)$`));
      assert.doesNotMatch(error.stack, /app\.js|user\.js|sdk:/);
      assert.match(failures.broken.error.stack, new RegExp(`src/index\\.ts:${line("return nothing.field")}:`));
      assert.equal(failures.broken.error.name, "TypeError");
    });
  });
}
