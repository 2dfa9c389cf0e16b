// An article by a model: an outline, its sections side by side, an editor's judgement, and a human who may stop it before it is published.

import { EventSchemas, Inngest, NonRetriableError, ensureOk, execution, openai, serve } from "@abide/sdk";

const inngest = new Inngest({
  id: "ai-content",
  schemas: new EventSchemas().fromRecord<{
    "article/requested": {
      data: {
        slug: string;
        /** One section each. */
        topics: string[];
        /** How long a human may object. */
        review?: string;
      };
    };
    "article/stopped": { data: { slug: string; by: string } };
  }>(),
});

const write = inngest.createFunction(
  {
    id: "write",
    name: "Write an article",
    // The model takes so many requests at a time, whoever asks: all functions with this key share the limit.
    concurrency: { limit: 4, scope: "env", key: "'model'" },
    // A newer request for the same article takes the place of the older one.
    singleton: { key: "event.data.slug", mode: "cancel" },
    onFailure: ({ error, event, step }) =>
      step.run("note-failure", () => record(event.data.event.data.slug, { status: "failed", because: error.message })),
  },
  { event: "article/requested" },
  async ({ event, step, logger }) => {
    const { slug, topics, review = "1 day" } = event.data;

    // Workflow code has no environment: what it needs of it, a body returns.
    const baseUrl = await step.run("find-model", () => {
      const base = process.env["STAND_IN_URL"];
      if (!base) {
        throw new NonRetriableError("the variable STAND_IN_URL is not set");
      }
      return `${base}/v1`;
    });
    const model = openai({ model: "stand-in", baseUrl });

    // The host asks the model, while this function need not be in memory; what it answered is never asked, or paid, again.
    const ask = async (id: string, system: string, user: string) => {
      const answer = await step.ai.infer(id, {
        model,
        body: { messages: [{ role: "system", content: system }, { role: "user", content: user }] },
      });
      return answer.choices[0]?.message.content ?? "";
    };

    const sections = await Promise.all(
      topics.map((topic, at) => ask(`section-${at + 1}`, "Write a section of at most 8 words.", topic)),
    );
    const title = await ask("title", "Give it a title of at most 4 words.", sections.join(" "));
    const verdict = await ask("edit", "Answer with one of: offensive, boring, fine.", sections.join("\n"));
    if (verdict === "offensive") {
      return { slug, status: "rejected", verdict };
    }

    await step.run("store-draft", () => record(slug, { status: "draft", title }));
    const stopped = await step.waitForEvent("objection", { event: "article/stopped", match: "data.slug", timeout: review });
    if (stopped) {
      logger.info(`${stopped.data.by} stopped ${slug}`);
      await step.run("note-stop", () => record(slug, { status: "stopped" }));
      return { slug, status: "stopped", by: stopped.data.by };
    }

    await step.run("publish", () => call("PUT", `/exports/article-${slug}`, { title, sections }));
    return { slug, status: "published", title, sections: sections.length };
  },
);

function record(slug: string, fields: object): Promise<void> {
  return call("PATCH", `/records/articles/${slug}`, fields);
}

async function call(method: string, path: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json", "idempotency-key": execution().stepKey };
  await ensureOk(await fetch(`${process.env["STAND_IN_URL"]}${path}`, { method, headers, body: JSON.stringify(body) }));
}

export default serve({ client: inngest, functions: [write] });
