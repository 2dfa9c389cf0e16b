// Page views in batches: counted, written once for each batch, and summed up by a report that invokes a worker for every page.

import { EventSchemas, Inngest, ensureOk, execution, serve } from "@abide/sdk";

const inngest = new Inngest({
  id: "batch-analytics",
  schemas: new EventSchemas().fromRecord<{
    "page/viewed": { data: { page: string; visitor: string; ms: number } };
    "report/asked": { data: { pages: string[] } };
  }>(),
});

interface Count {
  page: string;
  views: number;
  visitors: number;
  average_ms: number;
}

const collect = inngest.createFunction(
  {
    id: "collect",
    // Up to 100 views, or what came in two seconds: one run and one write in place of a hundred.
    batchEvents: { maxSize: 100, timeout: "2s" },
    retries: 10,
  },
  { event: "page/viewed" },
  async ({ events, step }) => {
    const pages = new Map<string, { page: string; visitor: string; ms: number }[]>();
    for (const { data } of events) {
      pages.set(data.page, [...(pages.get(data.page) ?? []), data]);
    }
    const counts = [...pages].map(([page, views]): Count => ({
      page,
      views: views.length,
      visitors: new Set(views.map((it) => it.visitor)).size,
      average_ms: Math.round(views.reduce((sum, it) => sum + it.ms, 0) / views.length),
    }));

    // All pages at once; each write is a step of its own, so that one that fails is tried again alone.
    await Promise.all(counts.map((count) => step.run(`store-${count.page}`, store, count)));
    return counts.sort((a, b) => a.page.localeCompare(b.page));
  },
);

/** A worker: no trigger, others invoke it. */
const pageReport = inngest.createFunction(
  { id: "page-report", triggers: [] },
  async ({ event, step }) => {
    const { page } = event.data as { page: string };
    const stored = await step.run("load", () => load(page));
    return { page, views: stored?.views ?? 0 };
  },
);

const report = inngest.createFunction(
  { id: "report", debounce: { period: "1s" } },
  [{ event: "report/asked" }, { cron: "TZ=Europe/Berlin 0 6 * * *" }],
  async ({ event, step }) => {
    const pages = event.name === "report/asked" ? event.data.pages : ["home", "pricing"];
    const each = await Promise.all(
      pages.map((page) => step.invoke(`page-${page}`, { function: pageReport, data: { page }, timeout: "1m" })),
    );
    return { pages: each.length, views: each.reduce((sum, it) => sum + it.views, 0) };
  },
);

async function store(count: Count): Promise<void> {
  const headers = { "content-type": "application/json", "idempotency-key": execution().stepKey };
  const url = `${process.env["STAND_IN_URL"]}/records/pages/${count.page}`;
  await ensureOk(await fetch(url, { method: "PATCH", headers, body: JSON.stringify(count) }));
}

async function load(page: string): Promise<Count | null> {
  const answer = await fetch(`${process.env["STAND_IN_URL"]}/records/pages/${page}`);
  if (answer.status === 404) {
    return null;
  }
  return ((await (await ensureOk(answer)).json()) as { fields: Count }).fields;
}

export default serve({ client: inngest, functions: [collect, pageReport, report] });
