import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Inngest } from "../src/index.ts";
import { Run, event } from "../src/testing/index.ts";

const realFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = realFetch;
});

/** Plays the event API; gives what it was asked. */
function eventApi(answer: () => Response): { url: string; seed: string; events: unknown }[] {
  const asked: { url: string; seed: string; events: unknown }[] = [];
  globalThis.fetch = async (url, init) => {
    const headers = new Headers(init?.headers);
    asked.push({ url: String(url), seed: headers.get("x-inngest-event-id-seed") ?? "", events: JSON.parse(String(init?.body)) });
    return answer();
  };
  return asked;
}

const app = new Inngest({ id: "shop", baseUrl: "http://abide.test/", eventKey: "key" });
const twice = app.createFunction({ id: "twice" }, { event: "a/b" }, ({ step }) =>
  step.run("tell", async () => {
    const first = await app.send({ name: "a/c", data: { n: 1 } });
    const second = await app.send([{ name: "a/c" }, { name: "a/d" }]);
    return [first.ids, second.ids];
  }),
);

test("in a body, sending is a request whose ids do not depend on the attempt", async () => {
  const asked = eventApi(() => Response.json({ ids: ["id-1"], status: 200 }));
  const seeds = async (attempt: number) => {
    asked.length = 0;
    const run = await Run.of(twice, event("a/b"));
    assert.deepEqual(await run.execute("tell", { attempt }), { value: [["id-1"], ["id-1"]] });
    return asked.map((it) => it.seed);
  };
  const first = await seeds(0);
  assert.deepEqual([asked[0]?.url, asked[0]?.events], ["http://abide.test/e/key", [{ name: "a/c", data: { n: 1 } }]]);
  assert.match(first[0]!, /^\d+,[A-Za-z0-9+/]{14}==$/);
  assert.notEqual(first[0], first[1]);
  assert.deepEqual(await seeds(1), first);
});

test("what the event API says decides about trying again", async () => {
  const refused = async (response: Response) => {
    eventApi(() => response);
    const run = await Run.of(twice, event("a/b"));
    return (await run.execute("tell")).error;
  };
  assert.deepEqual(await refused(Response.json({ ids: [], status: 400, error: "no name" }, { status: 400 })), {
    name: "Error",
    message: "the event API answered 400: no name",
    retriable: false,
  });
  assert.deepEqual(await refused(new Response("", { status: 502 })), {
    name: "Error",
    message: "the event API answered 502",
    retriable: true,
  });
});

test("without an address, sending in a body says what to do", async () => {
  const lost = new Inngest({ id: "lost" });
  const fn = lost.createFunction({ id: "lost" }, { event: "a/b" }, ({ step }) => step.run("tell", () => lost.send({ name: "a/c" })));
  const run = await Run.of(fn, event("a/b"));
  assert.match((await run.execute("tell")).error?.message ?? "", /configure the variable ABIDE_URL .* step\.sendEvent/);
});
