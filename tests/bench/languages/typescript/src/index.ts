import { Inngest, serve } from "@abide/sdk";

const client = new Inngest({ id: "bench" });

const resume = client.createFunction({ id: "resume" }, { event: "bench/resume" }, async ({ event, step }) => {
  let sum = 0;
  for (let number = 0; number < event.data.n; number++) {
    sum += await step.run("step", () => number);
  }
  await step.waitForEvent("wake", { event: "bench/wake", match: "data.key", timeout: "1 day" });
  return sum;
});

export default serve({ client, functions: [resume] });
