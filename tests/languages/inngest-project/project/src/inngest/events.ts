import { z } from "zod";

export const Address = z.object({ street: z.string(), city: z.string(), country: z.string().length(2) });

export const Order = z.object({
  orderId: z.string(),
  userId: z.string(),
  items: z.array(z.object({ sku: z.string(), quantity: z.number().int().positive(), cents: z.number().int() })),
  address: Address.optional(),
});
export type Order = z.infer<typeof Order>;

export type Events = {
  "user/signed.up": { data: { userId: string; email: string } };
  "user/onboarded": { data: { userId: string } };
  "order/created": { data: Order };
  "order/cancelled": { data: { orderId: string; reason?: string } };
  "order/shipped": { data: { orderId: string; parcels: number } };
  "order/item.reserved": { data: { orderId: string; sku: string } };
  "page/viewed": { data: { path: string; userId?: string } };
  "document/uploaded": { data: { documentId: string; text: string } };
  "inventory/changed": { data: { sku: string; stock: number } };
  "expense/submitted": { data: { expenseId: string; cents: number } };
  "expense/decided": { data: { expenseId: string; approved: boolean } };
};
