import { NonRetriableError } from "inngest";
import { format, totalCents } from "@/lib/money";
import { inngest } from "../client";
import { Order } from "../events";
import { chargeCard } from "./charge-card";

export const fulfilOrder = inngest.createFunction(
  {
    id: "fulfil-order",
    retries: 1,
    concurrency: [{ limit: 5, key: "event.data.userId" }],
    cancelOn: [{ event: "order/cancelled", if: "async.data.orderId == event.data.orderId" }],
    onFailure: async ({ event, error, step }) => {
      const original = event.data.event.data as Order;
      await step.run("apologise", () => `sorry about ${original.orderId}: ${error.message}`);
    },
  },
  { event: "order/created" },
  async ({ event, step }) => {
    const order = await step.run("validate", () => {
      const parsed = Order.safeParse(event.data);
      if (!parsed.success) {
        throw new NonRetriableError(`the order is not valid: ${parsed.error.issues[0]?.path.join(".")}`, { cause: parsed.error });
      }
      return parsed.data;
    });
    const payment = await step.invoke("charge", {
      function: chargeCard,
      data: { userId: order.userId, cents: totalCents(order) },
    });
    const shipped = await step.waitForEvent("shipped", {
      event: "order/shipped",
      timeout: "10s",
      if: "event.data.orderId == async.data.orderId",
    });
    return { total: format(payment.cents), parcels: shipped?.data.parcels ?? 0 };
  },
);
