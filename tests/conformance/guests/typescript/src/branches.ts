/**
 * Branches side by side, races, losers.
 */

import { type StepError } from "@abide/sdk";

import { pause, scenario } from "./app.ts";

class Bad extends Error {}

scenario("parallel", async ({ step }) => {
  const [a, b, c] = await Promise.all([step.run("a", () => 1), step.run("b", () => 2), step.run("c", () => 3)]);
  return step.run("sum", () => a + b + c);
});

scenario("parallel-branches", async ({ step }) => {
  const trace: string[] = [];
  const visit = async (id: string) => {
    await step.run(id, () => 0);
    trace.push(id);
  };
  const left = async () => {
    await visit("a1");
    await step.sleep("a", "2s");
    await visit("a2");
  };
  const right = async () => {
    await visit("b1");
    await step.sleep("b", "1s");
    await visit("b2");
  };
  await Promise.all([left(), right()]);
  return trace;
});

scenario("repeat-parallel", ({ step }) => Promise.all([0, 1, 2].map((n) => step.run("same", () => n))));

scenario("settled", async ({ step }) => {
  const [good, bad, rest] = await Promise.allSettled([
    step.run("good", () => 1),
    step.run("bad", () => {
      throw new Bad("no");
    }),
    step.sleep("rest", "1s"),
  ]);
  const error = bad.status === "rejected" ? (bad.reason as StepError) : undefined;
  return [
    good.status === "fulfilled" && good.value,
    error?.name,
    rest.status === "fulfilled" ? (rest.value ?? null) : "failed",
  ];
});

scenario("race-cancelled", async ({ step }) => {
  // `step.race` gives up the loser; `Promise.race` would leave it alone.
  const winner = await step.race([step.sleep("slow", "1h"), step.run("fast", () => "won")]);
  await step.sleep("after", "2h");
  return { winner };
});

scenario("race-left", async ({ step }) => {
  const winner = await Promise.race([step.sleep("slow", "1h"), step.run("fast", () => "won")]);
  await step.sleep("after", "2h");
  return { winner };
});

scenario("race-body", ({ step }) => {
  const slow = async () => {
    await pause(60_000);
    return "late";
  };
  return step.race([step.run("slow", slow), step.run("fast", () => "won")]);
});

scenario("left-behind", ({ step }) => {
  void step.sleep("forgotten", "1h");
  return "done";
});
