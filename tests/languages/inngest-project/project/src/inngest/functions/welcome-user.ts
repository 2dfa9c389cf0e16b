import { inngest } from "../client";

export const welcomeUser = inngest.createFunction(
  { id: "welcome-user", name: "Welcome a new user", retries: 2 },
  { event: "user/signed.up" },
  async ({ event, step, mailer, logger }) => {
    const welcome = await step.run("send-welcome", () => mailer.send({ to: event.data.email, subject: "Welcome" }));
    await step.sleep("a-moment", "1s");
    const tips = await step.run("send-tips", () => mailer.send({ to: event.data.email, subject: "Tips" }));
    await step.sendEvent("tell-others", { name: "user/onboarded", data: { userId: event.data.userId } });
    logger.info("onboarded", event.data.userId);
    return { welcome: welcome.messageId, tips: tips.messageId };
  },
);
