/**
 * Time, events and signals.
 */

import { errorOf, scenario } from "./app.ts";

scenario("sleep", async ({ step }) => {
  const before = Date.now();
  await step.sleep("short", "1s");
  await step.sleep("long", "30 days");
  return Date.now() - before;
});

scenario("sleep-until", async ({ event, step }) => {
  await step.sleepUntil("past", new Date(1_577_836_800_000));
  await step.sleepUntil("future", new Date(event.data.at));
  return "awake";
});

scenario("sleep-too-long", async ({ step }) => {
  await step.sleep("too-long", 34_560_000_000);
});

const ANSWER = { event: "conformance/answer", timeout: "1h" } as const;

scenario("wait-match", async ({ step }) => {
  const answer = await step.waitForEvent("answer", { ...ANSWER, match: "data.key" });
  return { name: answer?.name, data: answer?.data };
});

scenario("wait-if", async ({ step }) => {
  const answer = await step.waitForEvent("answer", { ...ANSWER, if: "async.data.n > event.data.above" });
  return { name: answer?.name, data: answer?.data };
});

scenario("wait-timeout", async ({ step }) => {
  const answer = await step.waitForEvent("answer", ANSWER);
  return { answer };
});

scenario("wait-lookback", async ({ step }) => {
  const answer = await step.waitForEvent("answer", { ...ANSWER, match: "data.key", lookback: "1h" });
  return { name: answer?.name, data: answer?.data };
});

const APPROVAL = { signal: "conformance-approval", timeout: "1h" } as const;

scenario("signal", async ({ step }) => (await step.waitForSignal("approval", APPROVAL))?.data);

scenario("signal-timeout", async ({ step }) => {
  const approval = await step.waitForSignal("approval", APPROVAL);
  return { approval };
});

scenario("signal-conflict", async ({ step }) => {
  const taken = { signal: "conformance-taken", timeout: "1h" } as const;
  const first = step.waitForSignal("first", taken);
  const second = await errorOf(step.waitForSignal("second", taken));
  const third = step.waitForSignal("third", { ...taken, onConflict: "replace" });
  const replaced = await errorOf(first);
  return [second.name, replaced.name, (await third)?.data];
});

scenario("send-signal", async ({ step }) => {
  await step.sendSignal("tell", { signal: "conformance-self", data: { n: 7 } });
  return (await step.waitForSignal("hear", { signal: "conformance-self", timeout: "1h" }))?.data;
});

scenario("send-event", async ({ step }) => {
  const { ids } = await step.sendEvent("one", {
    id: "sent-once",
    name: "conformance/sent",
    data: { n: 1 },
    user: { id: "u1" },
    ts: 1_767_225_600_123,
    v: "1",
  });
  return ids.length;
});

scenario("send-events", async ({ step }) => {
  const name = "conformance/sent";
  const { ids } = await step.sendEvent("many", [{ name, data: { n: 0 } }, { name, data: { n: 1 } }, { name }]);
  return ids.length;
});
