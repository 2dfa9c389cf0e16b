import { inngest } from "../client";

/** Fan-out: one step for each item, all at once, then one event each. */
export const reserveItems = inngest.createFunction(
  { id: "reserve-items", priority: { run: "size(event.data.items) > 10 ? -60 : 0" } },
  { event: "order/created" },
  async ({ event, step }) => {
    const reserved = await Promise.all(
      event.data.items.map((item) =>
        step.run(`reserve-${item.sku}`, async () => ({ sku: item.sku, left: 100 - item.quantity })),
      ),
    );
    const { ids } = await step.sendEvent(
      "announce",
      reserved.map(({ sku }) => ({ name: "order/item.reserved" as const, data: { orderId: event.data.orderId, sku } })),
    );
    return { reserved, announced: ids.length };
  },
);
