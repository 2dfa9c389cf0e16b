// The workloads of the comparison on Restate. `tests/guests/bench/src/compare.rs` has the same for Abide.
import * as restate from "@restatedev/restate-sdk";

async function body(number, url) {
  if (url) {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  }
  return number;
}

const step = (ctx, number, url) => ctx.run("step", () => body(number, url));
const sum = (numbers) => numbers.reduce((left, right) => left + right, 0);
const range = (n) => Array.from({ length: n }, (_, number) => number);

const compare = restate.service({
  name: "compare",
  handlers: {
    sequence: async (ctx, { n, url }) => {
      let total = 0;
      for (let number = 0; number < n; number++) total += await step(ctx, number, url);
      return total;
    },

    parallel: async (ctx, { n, url }) =>
      sum(await restate.RestatePromise.all(range(n).map((number) => step(ctx, number, url)))),

    sleep: async (ctx, { sleep_ms, url }) => {
      await ctx.sleep({ milliseconds: sleep_ms });
      return await step(ctx, 1, url);
    },

    fanOut: async (ctx, { n, url }) => {
      const service = ctx.serviceClient({ name: "compare" });
      return sum(await restate.RestatePromise.all(range(n).map((number) => service.child({ number, url }))));
    },

    child: (ctx, { number, url }) => step(ctx, number, url),
  },
});

const wait = restate.workflow({
  name: "wait",
  handlers: {
    run: async (ctx, { url }) => {
      const first = await step(ctx, 1, url);
      ctx.set("waits", true);
      await ctx.promise("wake");
      return first + (await step(ctx, 1, url));
    },

    waits: async (ctx) => (await ctx.get("waits")) ?? false,

    wake: (ctx) => ctx.promise("wake").resolve(true),
  },
});

restate.serve({ services: [compare, wait], port: Number(process.env.PORT) });
