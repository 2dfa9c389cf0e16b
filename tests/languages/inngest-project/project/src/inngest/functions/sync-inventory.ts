import { RetryAfterError } from "inngest";
import { inngest } from "../client";

export const syncInventory = inngest.createFunction(
  { id: "sync-inventory", retries: 3, debounce: { period: "1s", key: "event.data.sku" } },
  { event: "inventory/changed" },
  async ({ event, step, attempt }) => {
    const prices = await step.run("prices", async () => process.env.PRICE_LIST ?? "none");
    const pushed = await step.run("push", async () => {
      if (event.data.stock < 0) {
        throw new RetryAfterError("the warehouse is busy", "1h");
      }
      return event.data.stock;
    });
    return { sku: event.data.sku, pushed, prices, attempt };
  },
);
