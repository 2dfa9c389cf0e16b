/**
 * Other functions, and requests.
 */

import { NonRetriableError, openai } from "@abide/sdk";

import { callee, caught, errorOf, scenario } from "./app.ts";

class CalleeBroke extends NonRetriableError {}

scenario("invoke", async ({ event, step }) => {
  const a = await step.invoke("call", { function: "callee", data: { n: event.data.n } });
  const b = await step.invoke("again", { function: "conformance/callee", data: { n: a.twice } });
  return { answer: b.twice };
});

callee("callee", async ({ event, step }) => {
  const twice = await step.run("double", () => event.data.n * 2);
  return { twice };
});

scenario("invoke-failed", async ({ step }) => {
  const { name, data } = await errorOf(step.invoke("call", { function: "callee-fails" }));
  return { name, data };
});

callee("callee-fails", () => {
  throw new CalleeBroke("no luck", { data: { code: 7 } });
});

scenario("invoke-timeout", async ({ step }) =>
  caught(await errorOf(step.invoke("call", { function: "callee-sleeps", timeout: "1 min" }))),
);

callee("callee-sleeps", async ({ step }) => {
  await step.sleep("hour", "1h");
});

scenario("fetch", async ({ event, step }) => {
  const { url } = event.data;
  const got = await step.fetch("get", `${url}/ok?x=1`);
  const posted = await step.fetch({ id: "post", timeout: "10s" }, `${url}/echo`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-key": "k" },
    body: '{"n":1}',
  });
  return {
    status: got.status,
    header: got.headers.get("x-service"),
    body: await got.json(),
    posted: await posted.json(),
  };
});

scenario("fetch-retry", async ({ event, step }) => (await step.fetch("flaky", `${event.data.url}/flaky`)).json(), {
  retries: 3,
  backoff: { kind: "constant", base: "1s" },
});

scenario("fetch-missing", async ({ event, step }) => {
  const got = await step.fetch("missing", `${event.data.url}/missing`);
  return { status: got.status, body: await got.text() };
});

scenario(
  "fetch-failed",
  async ({ event, step }) => {
    const { name } = await errorOf(step.fetch({ id: "broken", retries: 1 }, `${event.data.url}/broken`));
    return { name };
  },
  { backoff: { kind: "constant", base: "1s" } },
);

scenario("ai-infer", async ({ event, step }) => {
  const said = await step.ai.infer("ask", {
    model: openai({ model: "test-model", baseUrl: `${event.data.url}/v1`, keyVariable: "AI_KEY" }),
    body: { messages: [{ role: "user", content: "hi" }] },
  });
  return said.choices[0]?.message.content;
});

scenario("body-http", ({ event, step }) =>
  step.run("get", async () => {
    const response = await fetch(`${event.data.url}/ok`);
    return { status: response.status, body: await response.text() };
  }),
);
