// One e-mail with everything that happened to a user in a while, in place of one for every little thing; what is urgent goes out at once.

import { EventSchemas, Inngest, ensureOk, execution, serve } from "@abide/sdk";

const inngest = new Inngest({
  id: "notifications",
  schemas: new EventSchemas().fromRecord<{
    "activity/noted": { data: { user: string; text: string; urgent?: boolean } };
  }>(),
});

const notify = inngest.createFunction(
  {
    id: "notify",
    name: "Notify a user",
    // A batch for every user. In production: 100 events, some minutes.
    batchEvents: { maxSize: 10, timeout: "3s", key: "event.data.user", if: "event.data.urgent != true" },
    // The mail provider wants no more than five requests at a time from us.
    concurrency: 5,
  },
  { event: "activity/noted" },
  async ({ events, step }) => {
    // An urgent one came alone; otherwise all of them are of one user, in the order in which they came.
    const { user, urgent, text } = events[0].data;
    const lines = events.map((event) => event.data.text);
    const subject = urgent ? `Urgent: ${text}` : lines.length === 1 ? text : `${lines.length} things happened`;

    await step.run("send-mail", () => send({ to: `${user}@example.com`, subject, text: lines.join("\n") }));
    return { user, subject, lines };
  },
);

async function send(mail: object): Promise<void> {
  const headers = { "content-type": "application/json", "idempotency-key": execution().stepKey };
  const body = JSON.stringify(mail);
  await ensureOk(await fetch(`${process.env["STAND_IN_URL"]}/emails`, { method: "POST", headers, body }));
}

export default serve({ client: inngest, functions: [notify] });
