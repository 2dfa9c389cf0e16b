import type { Order } from "@/inngest/events";

export const totalCents = (order: Pick<Order, "items">): number =>
  order.items.reduce((total, item) => total + item.quantity * item.cents, 0);

export const format = (cents: number): string => `€${(cents / 100).toFixed(2)}`;
