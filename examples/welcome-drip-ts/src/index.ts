// A welcome e-mail when somebody opens an account, and a reminder days later unless they finished onboarding by then.

import { EventSchemas, Inngest, ensureOk, execution, serve } from "@abide/sdk";

const inngest = new Inngest({
  id: "welcome-drip",
  schemas: new EventSchemas().fromRecord<{
    "account/opened": {
      data: {
        user_id: string;
        email: string;
        name: string;
        /** How long to leave the user alone. The example's event makes it short. */
        quiet_time?: string;
        /** How long to wait for the end of onboarding after that. */
        patience?: string;
      };
    };
    "account/onboarding.finished": { data: { user_id: string; steps?: number } };
  }>(),
});

const welcome = inngest.createFunction(
  { id: "welcome", name: "Welcome drip", retries: 4 },
  { event: "account/opened" },
  async ({ event, step, logger }) => {
    const { user_id, email, name, quiet_time = "3 days", patience = "7 days" } = event.data;

    await step.run("send-welcome", () => sendMail(email, `Welcome, ${name}!`));
    await step.run("mark-welcomed", () => updateUser(user_id, { welcomed: true }));

    await step.sleep("let-them-start", quiet_time);

    // Whoever finished during the quiet time counts as well: the wait looks back that far.
    const finished = await step.waitForEvent("onboarding-finished", {
      event: "account/onboarding.finished",
      match: "data.user_id",
      lookback: quiet_time,
      timeout: patience,
    });
    if (finished) {
      logger.info(`${user_id} finished ${finished.data.steps ?? 0} steps: no reminder`);
      return { user_id, onboarded: true, reminded: false };
    }

    await step.run("send-reminder", () => sendMail(email, "Still there?"));
    await step.run("mark-reminded", () => updateUser(user_id, { reminded: true }));
    return { user_id, onboarded: false, reminded: true };
  },
);

function sendMail(to: string, subject: string): Promise<void> {
  return call("POST", "/emails", { to, subject });
}

function updateUser(id: string, fields: object): Promise<void> {
  return call("PATCH", `/records/users/${id}`, fields);
}

/** The step's key is the same for every attempt: a request that is repeated has no second effect. */
async function call(method: string, path: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json", "idempotency-key": execution().stepKey };
  await ensureOk(await fetch(`${process.env["STAND_IN_URL"]}${path}`, { method, headers, body: JSON.stringify(body) }));
}

export default serve({ client: inngest, functions: [welcome] });
