import { NonRetriableError } from "inngest";
import { CardDeclined, charge } from "@/lib/payments";
import { inngest } from "../client";

export const chargeCard = inngest.createFunction(
  { id: "charge-card" },
  { event: "payment/asked" as never },
  async ({ event, step }) => {
    const { userId, cents } = event.data as unknown as { userId: string; cents: number };
    return await step.run("charge", async () => {
      try {
        return await charge(userId, cents);
      } catch (error) {
        if (error instanceof CardDeclined) {
          throw new NonRetriableError(error.message, { cause: error });
        }
        throw error;
      }
    });
  },
);
