// A payment: validated, assessed, approved by a human if it is risky, charged at a gateway that is sometimes busy, and confirmed.

import { EventSchemas, Inngest, NonRetriableError, StepError, ensureOk, execution, serve } from "@abide/sdk";

interface Payment {
  payment_id: string;
  email: string;
  /** Cents. */
  amount: number;
  currency: string;
  card: string;
  /** How long a human may take. */
  approval_timeout?: string;
  /** Stands in for the human, this long after the question. */
  auto_approve_after?: string;
}

const inngest = new Inngest({
  id: "payment",
  schemas: new EventSchemas().fromRecord<{
    "checkout/payment.requested": { data: Payment };
    "checkout/payment.completed": { data: { payment_id: string; amount: number } };
    "checkout/approval.requested": {
      data: { payment_id: string; amount: number; score: number; auto_approve_after?: string };
    };
    "checkout/approval.decided": { data: { payment_id: string; approved: boolean; by: string } };
  }>(),
});

/** What is wrong today is wrong tomorrow: trying again cannot help. */
class InvalidPayment extends NonRetriableError {}

const processPayment = inngest.createFunction(
  { id: "process-payment", name: "Process a payment" },
  { event: "checkout/payment.requested" },
  async ({ event, step, logger }) => {
    const payment = event.data;
    const { payment_id, amount, currency, card, approval_timeout = "24 hours" } = payment;
    const outcome = (status: string, decided_by: string | null) => ({ payment_id, status, decided_by });
    const notify = (subject: string) =>
      step.run("notify-customer", () => call<object>("/emails", { to: payment.email, subject }));

    await step.run("validate", () => validate(payment));
    const risk = await step.run("assess-risk", () => call<{ score: number; level: string }>("/risk", { payment_id, amount }));

    let decidedBy: string | null = null;
    if (risk.level === "high") {
      // The wait begins before the question is sent, so that no answer can be too early.
      const answer = step.waitForEvent("decision", {
        event: "checkout/approval.decided",
        match: "data.payment_id",
        timeout: approval_timeout,
      });
      const { auto_approve_after } = payment;
      await step.sendEvent("ask-for-approval", {
        name: "checkout/approval.requested",
        data: { payment_id, amount, score: risk.score, ...(auto_approve_after && { auto_approve_after }) },
      });
      const decision = await answer;
      if (!decision) {
        return outcome("abandoned", null);
      }
      decidedBy = decision.data.by;
      if (!decision.data.approved) {
        return outcome("refused", decidedBy);
      }
    }

    try {
      // A busy gateway answers 429 and says how long to wait; `ensureOk` passes that on as the time of the next attempt.
      await step.run({ id: "charge", retries: 10 }, () =>
        call<object>("/charges", { reference: payment_id, amount, currency, card }),
      );
    } catch (error) {
      if (!isDeclined(error)) {
        throw error;
      }
      logger.warn(`payment ${payment_id} was declined: ${error.message}`);
      await notify("Your payment was declined");
      return outcome("declined", decidedBy);
    }

    await notify("Thank you for your payment");
    await step.sendEvent("announce", { name: "checkout/payment.completed", data: { payment_id, amount } });
    return outcome("completed", decidedBy);
  },
);

function validate({ amount, currency }: Payment): void {
  if (amount <= 0) {
    throw new InvalidPayment(`the amount must be positive, but is ${amount}`);
  }
  if (!["EUR", "USD", "GBP"].includes(currency)) {
    throw new InvalidPayment(`the currency \`${currency}\` is not supported`);
  }
}

/** What the body attached to its error is there for whoever catches it: here, what the gateway said. */
function isDeclined(error: unknown): error is StepError {
  return error instanceof StepError && (error.data as { error?: string } | undefined)?.error === "card_declined";
}

/** Plays the human. */
const autoApprover = inngest.createFunction(
  { id: "auto-approver" },
  { event: "checkout/approval.requested" },
  async ({ event, step }) => {
    const { payment_id, auto_approve_after } = event.data;
    if (!auto_approve_after) {
      return false;
    }
    await step.sleep("think", auto_approve_after);
    await step.sendEvent("decide", {
      name: "checkout/approval.decided",
      data: { payment_id, approved: true, by: "auto-approver" },
    });
    return true;
  },
);

async function call<T>(path: string, body: object): Promise<T> {
  const headers = { "content-type": "application/json", "idempotency-key": execution().stepKey };
  const answer = await fetch(`${process.env["STAND_IN_URL"]}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return (await (await ensureOk(answer)).json()) as T;
}

export default serve({ client: inngest, functions: [processPayment, autoApprover] });
