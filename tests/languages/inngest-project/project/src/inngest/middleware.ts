import { InngestMiddleware } from "inngest";
import { Mailer } from "@/lib/mailer";

/** Gives every function a mailer, and counts what it does. */
export const mailMiddleware = new InngestMiddleware({
  name: "mail",
  init() {
    return {
      onFunctionRun({ ctx }) {
        return {
          transformInput() {
            return { ctx: { mailer: new Mailer(ctx.runId) } };
          },
          transformOutput({ result, step }) {
            if (!step && result.data && typeof result.data === "object") {
              return { result: { ...result, data: { ...result.data, handledBy: "acme" } } };
            }
          },
        };
      },
    };
  },
});
