import { inngest } from "../client";

/** Small ones pass, others wait for a decision, but not for ever. */
export const approveExpense = inngest.createFunction(
  { id: "approve-expense", idempotency: "event.data.expenseId" },
  { event: "expense/submitted" },
  async ({ event, step }) => {
    if (event.data.cents < 5_000) {
      return { outcome: "approved" };
    }
    const winner = await Promise.race([
      step.waitForEvent("decision", { event: "expense/decided", match: "data.expenseId", timeout: "30d" }),
      step.sleep("too-long", "1s").then(() => "late" as const),
    ]);
    if (winner === "late" || winner === null) {
      return { outcome: "escalated" };
    }
    return { outcome: winner.data.approved ? "approved" : "refused" };
  },
);
