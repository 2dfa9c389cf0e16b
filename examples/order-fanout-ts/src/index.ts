// An order: stock checks side by side, an early exit when something is sold out, and otherwise four events in one send that start four functions.

import { EventSchemas, Inngest, ensureOk, execution, serve } from "@abide/sdk";

interface Item {
  sku: string;
  quantity: number;
  /** Cents. */
  unit_price: number;
}

interface Order {
  order_id: string;
  email: string;
  address: string;
  card: string;
  items: Item[];
}

const inngest = new Inngest({
  id: "order-fanout",
  schemas: new EventSchemas().fromRecord<{
    "cart/ordered": { data: Order };
    "cart/rejected": { data: { order_id: string; missing: string[] } };
    "cart/charge.requested": { data: Order };
    "cart/invoice.requested": { data: Order };
    "cart/shipment.requested": { data: Order };
    "cart/confirmation.requested": { data: Order };
  }>(),
});

const placeOrder = inngest.createFunction({ id: "place-order" }, { event: "cart/ordered" }, async ({ event, step }) => {
  const order = event.data;
  const { order_id } = order;

  // The item is the step's input: an operator sees it beside the result.
  const available = await Promise.all(order.items.map((item) => step.run(`check-stock-${item.sku}`, inStock, item)));

  const missing = order.items.filter((_, at) => !available[at]).map((item) => item.sku);
  if (missing.length > 0) {
    await step.sendEvent("reject", { name: "cart/rejected", data: { order_id, missing } });
    return { status: "rejected", order_id, missing };
  }

  // All four or none, and exactly once, whatever happens to this machine.
  await step.sendEvent("fan-out", [
    { name: "cart/charge.requested", data: order },
    { name: "cart/invoice.requested", data: order },
    { name: "cart/shipment.requested", data: order },
    { name: "cart/confirmation.requested", data: order },
  ]);
  return { status: "accepted", order_id, total: total(order) };
});

const chargeOrder = inngest.createFunction({ id: "charge-order" }, { event: "cart/charge.requested" }, async ({ event, step }) => {
  const { order_id, card } = event.data;
  const amount = total(event.data);
  await step.run("charge", () => call("POST", "/charges", { reference: order_id, amount, currency: "EUR", card }));
  return { order_id, charged: amount };
});

const writeInvoice = inngest.createFunction({ id: "write-invoice" }, { event: "cart/invoice.requested" }, async ({ event, step }) => {
  const { order_id, items } = event.data;
  const invoice = `invoice-${order_id}`;
  await step.run("store-invoice", () => call("PUT", `/exports/${invoice}`, { items, total: total(event.data) }));
  return { order_id, invoice };
});

const shipOrder = inngest.createFunction({ id: "ship-order" }, { event: "cart/shipment.requested" }, async ({ event, step }) => {
  const { order_id, address } = event.data;
  await step.run("book-courier", () => call("POST", "/bookings", { kind: "parcel", trip_id: order_id, what: address }));
  return { order_id, shipped: true };
});

const confirmOrder = inngest.createFunction({ id: "confirm-order" }, { event: "cart/confirmation.requested" }, async ({ event, step }) => {
  const { order_id, email } = event.data;
  await step.run("send-confirmation", () => call("POST", "/emails", { to: email, subject: `Your order ${order_id}` }));
  return { order_id, confirmed: true };
});

function total(order: Order): number {
  return order.items.reduce((sum, item) => sum + item.quantity * item.unit_price, 0);
}

async function inStock({ sku, quantity }: Item): Promise<boolean> {
  const answer = await ensureOk(await fetch(`${process.env["STAND_IN_URL"]}/stock/${sku}?quantity=${quantity}`));
  const stock = (await answer.json()) as { available: boolean };
  return stock.available;
}

async function call(method: string, path: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json", "idempotency-key": execution().stepKey };
  await ensureOk(await fetch(`${process.env["STAND_IN_URL"]}${path}`, { method, headers, body: JSON.stringify(body) }));
}

export default serve({ client: inngest, functions: [placeOrder, chargeOrder, writeInvoice, shipOrder, confirmOrder] });
