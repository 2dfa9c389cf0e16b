export class CardDeclined extends Error {
  override name = "CardDeclined";
}

/** Stands for a payment provider that declines what is too much. */
export async function charge(userId: string, cents: number): Promise<{ chargeId: string; cents: number }> {
  if (cents > 100_000) {
    throw new CardDeclined(`the card of ${userId} does not cover ${cents}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 5));
  return { chargeId: `ch_${userId}_${cents}`, cents };
}
