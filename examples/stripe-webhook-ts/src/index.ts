// What Stripe tells by webhook: its signature is checked, and one function handles each kind of event.

import { EventSchemas, Inngest, NonRetriableError, ensureOk, execution, serve } from "@abide/sdk";

import { signatureFault } from "./signature.ts";

interface Session {
  id: string;
  customer_email: string;
  amount_total: number;
  currency: string;
}

interface Charge {
  id: string;
  amount_refunded: number;
  receipt_email: string;
}

const inngest = new Inngest({
  id: "stripe-webhook",
  schemas: new EventSchemas().fromRecord<{
    /** The request as it came: whoever receives it only passes it on. */
    "webhook/stripe.received": { data: { signature: string; body: string } };
    "stripe/checkout.session.completed": { data: { object: Session } };
    "stripe/charge.refunded": { data: { object: Charge } };
  }>(),
});

/** What this app understands of what Stripe says. */
type Told =
  | { id: string; type: "checkout.session.completed"; data: { object: Session } }
  | { id: string; type: "charge.refunded"; data: { object: Charge } };

class InvalidSignature extends NonRetriableError {}

const receive = inngest.createFunction({ id: "receive" }, { event: "webhook/stripe.received" }, async ({ event, step }) => {
  const { signature, body } = event.data;
  // The secret is in the environment of bodies. It never gets into a journal: a body returns only what the workflow needs.
  const told = await step.run("verify", () => {
    const secret = process.env["STRIPE_WEBHOOK_SECRET"] ?? "";
    const fault = signatureFault(signature, body, secret, process.env["STRIPE_TOLERANCE_SECONDS"]);
    if (fault) {
      throw new InvalidSignature(fault);
    }
    const { id, type, data } = JSON.parse(body) as Told;
    return { id, type, data } as Told;
  });

  // Stripe sends an event again when it is not sure that it arrived: whoever receives it sends it here with Stripe's id, and within 24 hours a second one starts nothing.
  switch (told.type) {
    case "checkout.session.completed":
      await step.sendEvent("pass-on", { name: "stripe/checkout.session.completed", data: told.data });
      break;
    case "charge.refunded":
      await step.sendEvent("pass-on", { name: "stripe/charge.refunded", data: told.data });
      break;
    default:
      return { ignored: (told as { type: string }).type };
  }
  return { passed_on: told.type };
});

const fulfil = inngest.createFunction(
  { id: "fulfil", concurrency: { limit: 1, key: "event.data.object.id" } },
  { event: "stripe/checkout.session.completed" },
  async ({ event, step }) => {
    const { id, customer_email, amount_total, currency } = event.data.object;
    await step.run("grant-access", () => call("PATCH", `/records/subscriptions/${id}`, { active: true, amount_total, currency }));
    await step.run("send-receipt", () => call("POST", "/emails", { to: customer_email, subject: "Thank you for your order" }));
    return { session: id, fulfilled: true };
  },
);

const refund = inngest.createFunction({ id: "refund" }, { event: "stripe/charge.refunded" }, async ({ event, step }) => {
  const { id, receipt_email, amount_refunded } = event.data.object;
  const subject = `${(amount_refunded / 100).toFixed(2)} is on its way back to you`;
  await step.run("tell-customer", () => call("POST", "/emails", { to: receipt_email, subject }));
  return { charge: id, told: true };
});

async function call(method: string, path: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json", "idempotency-key": execution().stepKey };
  await ensureOk(await fetch(`${process.env["STAND_IN_URL"]}${path}`, { method, headers, body: JSON.stringify(body) }));
}

export default serve({ client: inngest, functions: [receive, fulfil, refund] });
