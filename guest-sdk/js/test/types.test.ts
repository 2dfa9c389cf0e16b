/**
 * What the compiler knows: checked by `npm run check`. Running it shows only that nothing of it is wrong at run time.
 */

import { test } from "node:test";

import { expectTypeOf } from "expect-type";
import { z } from "zod";

import {
  EventSchemas,
  type GetEvents,
  type GetFunctionInput,
  type GetFunctionOutput,
  type GetStepTools,
  Inngest,
  InngestMiddleware,
  type Jsonify,
  Middleware,
  cron,
  dependencyInjectionMiddleware,
  eventType,
  openai,
  referenceFunction,
  staticSchema,
} from "../src/index.ts";

const schemas = new EventSchemas()
  .fromRecord<{
    "user/signed.up": { data: { userId: string }; user: { id: number } };
    "user/left": { data: { userId: string; reason?: string } };
  }>()
  .fromZod({ "order/created": { data: z.object({ total: z.number() }) } })
  .fromUnion<{ name: "team/joined"; data: { team: string } }>();

const app = new Inngest({ id: "shop", schemas });
const open = new Inngest({ id: "open" });

test("the event of a trigger has the type of its schema", () => {
  app.createFunction({ id: "a" }, { event: "user/signed.up" }, ({ event, events }) => {
    expectTypeOf(event.name).toEqualTypeOf<"user/signed.up">();
    expectTypeOf(event.data).toEqualTypeOf<{ userId: string }>();
    expectTypeOf(event.user).toEqualTypeOf<{ id: number } | undefined>();
    expectTypeOf(event.ts).toEqualTypeOf<number>();
    expectTypeOf(events[0].data.userId).toBeString();
  });
  app.createFunction({ id: "b", triggers: [{ event: "order/created" }] }, ({ event }) => {
    expectTypeOf(event.data).toEqualTypeOf<{ total: number }>();
  });
  app.createFunction({ id: "c" }, { event: "team/joined" }, ({ event }) => {
    expectTypeOf(event.data).toEqualTypeOf<{ team: string }>();
  });
});

test("several triggers give a union that the name tells apart", () => {
  app.createFunction({ id: "a" }, [{ event: "user/signed.up" }, { event: "order/created" }, { cron: "* * * * *" }], ({ event }) => {
    expectTypeOf(event.name).toEqualTypeOf<"user/signed.up" | "order/created" | "inngest/scheduled.timer">();
    if (event.name === "order/created") {
      expectTypeOf(event.data).toEqualTypeOf<{ total: number }>();
    } else if (event.name === "inngest/scheduled.timer") {
      expectTypeOf(event.data.cron).toBeString();
    }
  });
  app.createFunction({ id: "b" }, { event: "user/*" }, ({ event }) => {
    expectTypeOf(event.name).toEqualTypeOf<"user/signed.up" | "user/left">();
  });
  app.createFunction({ id: "c", triggers: cron("0 9 * * *") }, ({ event }) => {
    expectTypeOf(event.data).toEqualTypeOf<{ cron: string }>();
  });
});

test("a name that the client does not know is a mistake", () => {
  // @ts-expect-error: a typo
  app.createFunction({ id: "a" }, { event: "user/signd.up" }, () => {});
  // @ts-expect-error: there is no such option
  app.createFunction({ id: "a", retry: 3 }, { event: "user/left" }, () => {});
  // A client without schemas knows any event.
  open.createFunction({ id: "a" }, { event: "anything/goes" }, ({ event }) => {
    expectTypeOf(event.name).toEqualTypeOf<"anything/goes">();
    expectTypeOf(event.data).toBeAny();
  });
});

test("event types carry their data to triggers, waits and events", () => {
  const paid = eventType("order/paid", { schema: staticSchema<{ orderId: string }>() });
  const checked = eventType("order/checked", { schema: z.object({ ok: z.boolean() }) });
  open.createFunction({ id: "a", triggers: [paid, { event: checked, if: "event.data.ok" }] }, async ({ event, step }) => {
    expectTypeOf(event.name).toEqualTypeOf<"order/paid" | "order/checked">();
    const later = await step.waitForEvent("later", { event: paid, timeout: "1h" });
    expectTypeOf(later?.data.orderId).toEqualTypeOf<string | undefined>();
    await step.sendEvent("tell", paid.create({ orderId: "o-1" }));
  });
  // @ts-expect-error: the data lack a member
  paid.create({});
});

test("the result of a step is what JSON makes of it", () => {
  open.createFunction({ id: "a" }, { event: "a/b" }, async ({ step }) => {
    const date = await step.run("date", () => ({ at: new Date(), n: 1, skip: undefined as undefined | string, f: () => 1 }));
    expectTypeOf(date).toEqualTypeOf<{ at: string; n: number; skip?: string }>();
    expectTypeOf(await step.run("nothing", async () => {})).toEqualTypeOf<null>();
    expectTypeOf(await step.run("text", (a: string, b: number) => a.repeat(b), "x", 2)).toBeString();
    expectTypeOf(await step.ai.wrap("wrap", async (n: number) => [n], 2)).toEqualTypeOf<number[]>();
    // @ts-expect-error: the argument is of another type
    void step.run("wrong", (a: number) => a, "x");
    expectTypeOf(await step.sleep("rest", "1s")).toEqualTypeOf<void>();
    const [a, b] = await step.parallel([step.run("a", () => 1), (own) => own.run("b", () => "b")]);
    expectTypeOf(a).toBeNumber();
    expectTypeOf(b).toBeString();
    expectTypeOf(await step.race([step.sleep("x", 1), step.run("y", () => true)])).toEqualTypeOf<void | boolean>();
    expectTypeOf(await step.fetch("https://x.test")).toEqualTypeOf<Response>();
    const said = await step.ai.infer("ask", { model: openai({ model: "m" }), body: { messages: [] } });
    expectTypeOf(said.choices[0]?.message.content).toEqualTypeOf<string | null | undefined>();
  });
  expectTypeOf<Jsonify<{ a: bigint[]; m: Map<string, number>; u: unknown }>>().toEqualTypeOf<{ a: null[]; m: Record<string, never>; u: unknown }>();
});

test("waits and events are typed by the client's schemas", () => {
  app.createFunction({ id: "a" }, { event: "user/left" }, async ({ step }) => {
    const back = await step.waitForEvent("back", { event: "user/signed.up", timeout: "1d", match: "data.userId" });
    expectTypeOf(back?.data).toEqualTypeOf<{ userId: string } | undefined>();
    await step.sendEvent("tell", [{ name: "team/joined", data: { team: "a" } }]);
    // @ts-expect-error: the data are missing
    void step.sendEvent("tell", { name: "team/joined" });
    // @ts-expect-error: `if` and `match` exclude each other
    void step.waitForEvent("both", { event: "user/left", timeout: "1d", match: "data.x", if: "true" });
    const signal = await step.waitForSignal<{ by: string }>("ok", { signal: "s", timeout: "1h" });
    expectTypeOf(signal?.data.by).toEqualTypeOf<string | undefined>();
  });
  // @ts-expect-error: only the platform sends it
  void (() => app.send({ name: "inngest/function.failed", data: {} }));
});

test("invoking a function is typed by it, here and elsewhere", () => {
  const render = app.createFunction({ id: "render" }, { event: "order/created" }, async ({ event }) => ({ pages: event.data.total, at: new Date() }));
  expectTypeOf<GetFunctionOutput<typeof render>>().toEqualTypeOf<{ pages: number; at: string }>();
  app.createFunction({ id: "a" }, { event: "user/left" }, async ({ step }) => {
    const here = await step.invoke("here", { function: render, data: { total: 1 } });
    expectTypeOf(here).toEqualTypeOf<{ pages: number; at: string }>();
    const there = await step.invoke("there", { function: referenceFunction<typeof render>({ functionId: "render", appId: "x" }), data: { total: 1 } });
    expectTypeOf(there.pages).toBeNumber();
    // @ts-expect-error: the data are of another type
    void step.invoke("wrong", { function: render, data: { total: "1" } });
    expectTypeOf(await step.invoke("any", { function: "video/render" })).toBeAny();
  });
});

test("a handler of failures knows the event that had started the run", () => {
  app.createFunction(
    {
      id: "a",
      onFailure: ({ event, error, step }) => {
        expectTypeOf(event.data.event.data.userId).toBeString();
        expectTypeOf(event.data.error.message).toBeString();
        expectTypeOf(error).toEqualTypeOf<Error>();
        return step.run("tell", () => 1);
      },
    },
    { event: "user/left" },
    () => {},
  );
});

test("middleware adds to the context, and may change the types of results", () => {
  const db = new InngestMiddleware({
    name: "db",
    init: () => ({ onFunctionRun: () => ({ transformInput: () => ({ ctx: { db: { find: (id: string) => id.length } } }) }) }),
  });
  interface KeepsDates extends Middleware.StaticTransform {
    Out: this["In"] extends Date ? Date : Jsonify<this["In"]>;
  }
  class Dates extends Middleware.BaseMiddleware {
    readonly id = "dates";
    declare stepOutputTransform: KeepsDates;
    override transformFunctionInput(args: Middleware.TransformFunctionInputArgs) {
      return { ...args, ctx: { ...args.ctx, today: new Date() } };
    }
  }
  const client = new Inngest({ id: "shop", middleware: [db, dependencyInjectionMiddleware({ env: "test" })] });
  client.createFunction({ id: "a", middleware: [Dates] }, { event: "a/b" }, async ({ db: found, env, today, step }) => {
    expectTypeOf(found.find("x")).toBeNumber();
    expectTypeOf(env).toEqualTypeOf<"test">();
    expectTypeOf(today).toEqualTypeOf<Date>();
    expectTypeOf(await step.run("date", () => new Date())).toEqualTypeOf<Date>();
  });
});

test("types can be taken from a client", () => {
  expectTypeOf<GetFunctionInput<typeof app, "user/left">["event"]["data"]["reason"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<GetEvents<typeof app>["team/joined"]["data"]>().toEqualTypeOf<{ team: string }>();
  expectTypeOf<GetStepTools<typeof app>["sleep"]>().toBeFunction();
});
