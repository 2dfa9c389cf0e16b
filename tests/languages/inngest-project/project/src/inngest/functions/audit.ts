import { inngest } from "../client";

/** Catches what fails, and goes on. */
export const audit = inngest.createFunction(
  { id: "audit", retries: 0, rateLimit: { limit: 100, period: "1h" } },
  [{ event: "user/onboarded" }, { event: "order/cancelled" }],
  async ({ event, step }) => {
    const place = await step
      .run("write-log", async () => {
        if (event.name === "order/cancelled") {
          throw new Error("the log is full");
        }
        return "log";
      })
      .catch((error: Error) => `elsewhere, since ${error.message}`);
    return { place, what: event.name };
  },
);
