import { inngest } from "../client";

/** Stands for a model: the first sentence is the summary. */
async function model(request: { model: string; prompt: string }): Promise<{ text: string }> {
  return { text: `${request.prompt.split(".")[0]}.` };
}

export const summariseDocument = inngest.createFunction(
  { id: "summarise-document", concurrency: 2, throttle: { limit: 10, period: "1m" } },
  { event: "document/uploaded" },
  async ({ event, step }) => {
    const summary = await step.ai.wrap("summarise", model, { model: "small", prompt: event.data.text });
    const words = await step.run("count-words", () => event.data.text.split(/\s+/u).length);
    return { summary: summary.text, words };
  },
);
