// An app for Abide. Change it while `abide dev` runs: it is built and deployed again.

import { EventSchemas, Inngest, execution, serve } from "@abide/sdk";

const inngest = new Inngest({
  id: "{{name}}",
  schemas: new EventSchemas().fromRecord<{
    // Data of the event that starts the function. `stay` is how long to wait before the farewell.
    "visitor/arrived": { data: { name: string; stay?: string } };
  }>(),
});

export const hello = inngest.createFunction(
  { id: "hello" },
  { event: "visitor/arrived" },
  async ({ event, step, logger }) => {
    const { name, stay = "1 day" } = event.data;

    // A step's body may use the network, the clock and the environment. Its result is recorded: it is never done again.
    const greeting = await step.run("greet", async () => {
      logger.info(`attempt ${execution().attempt} to greet ${name}`);
      return `Hello, ${name}!`;
    });

    // Costs nothing while it lasts, and survives restarts and deploys.
    await step.sleep("stay", stay);

    const farewell = await step.run("part", () => `Goodbye, ${name}!`);
    return { greeting, farewell };
  },
);

export default serve({ client: inngest, functions: [hello] });
