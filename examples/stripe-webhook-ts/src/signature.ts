// Stripe's signature: `t=<seconds>,v1=<hex>`, an HMAC-SHA256 over `<seconds>.<body>`.

import { createHmac, timingSafeEqual } from "node:crypto";

/** What is wrong with a signature; nothing, if it is right. `tolerance` is how many seconds old it may be; 0 or nothing: any age. */
export function signatureFault(header: string, body: string, secret: string, tolerance = "0"): string | undefined {
  if (secret === "") {
    return "the variable STRIPE_WEBHOOK_SECRET is not set";
  }
  const parts = header.split(",").map((part) => part.split("=", 2));
  const seconds = parts.find(([name]) => name === "t")?.[1] ?? "";
  const expected = Buffer.from(createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex"));
  const signed = parts.some(([name, value = ""]) => {
    const given = Buffer.from(value);
    return name === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
  if (!signed) {
    return "the signature is not Stripe's: either the secret is another one, or somebody else sent this";
  }
  const age = Date.now() / 1000 - Number(seconds);
  return Number(tolerance) > 0 && age > Number(tolerance) ? `the signature is ${Math.round(age)} seconds old` : undefined;
}
