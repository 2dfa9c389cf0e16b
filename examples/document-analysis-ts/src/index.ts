// Documents are analysed page by page: fairly among tenants, with progress that others can follow, and not a page longer than somebody wants it.

import { EventSchemas, Inngest, ensureOk, execution, serve } from "@abide/sdk";

interface Upload {
  tenant: string;
  document: string;
  pages: number;
  /** How long a page takes, in milliseconds. */
  page_ms?: number;
}

const inngest = new Inngest({
  id: "document-analysis",
  schemas: new EventSchemas().fromRecord<{
    "scan/uploaded": { data: Upload };
    "scan/cancelled": { data: { document: string } };
    "scan/deleted": { data: { document: string } };
    "scan/analysis.progressed": { data: { document: string; percent: number } };
  }>(),
});

const analyse = inngest.createFunction(
  {
    id: "analyse",
    name: "Analyse a document",
    concurrency: [
      // Two pages at a time for each tenant, so that one who uploads a library does not keep the others waiting…
      { limit: 2, key: "event.data.tenant" },
      // …and twenty in all, because that is how many the model takes.
      { limit: 20 },
    ],
    // Either ends the run where it is, a page in the middle of its analysis included. `match` compares the member of both events.
    cancelOn: [
      { event: "scan/cancelled", match: "data.document" },
      { event: "scan/deleted", match: "data.document" },
    ],
  },
  { event: "scan/uploaded" },
  async ({ event, step }) => {
    const { tenant, document, pages, page_ms = 3_000 } = event.data;
    let words = 0;
    for (let page = 1; page <= pages; page += 1) {
      words += await step.run({ id: `page-${page}`, timeout: "2m" }, () => countWords(page, page_ms));

      // Sent exactly once, like every event of a run: a progress bar never goes backwards.
      const percent = Math.floor((page * 100) / pages);
      await step.sendEvent(`progress-${page}`, { name: "scan/analysis.progressed", data: { document, percent } });
    }
    return { tenant, document, words };
  },
);

/** In place of the model. A body may wait on the clock; workflow code uses `step.sleep`. */
async function countWords(page: number, ms: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return 200 + page;
}

/** Whoever follows the progress: here a record that a web page would read. */
const showProgress = inngest.createFunction(
  {
    id: "show-progress",
    // One at a time for a document, in the order in which they came: an old percentage never overwrites a new one.
    concurrency: { limit: 1, key: "event.data.document", per: "run" },
  },
  { event: "scan/analysis.progressed" },
  async ({ event, step }) => {
    const { document, percent } = event.data;
    await step.run("update", () => update(document, { percent }));
    return percent;
  },
);

/** A cancelled run executes nothing any more. What is to be put in order after it is another run's work. */
const tidyUp = inngest.createFunction(
  { id: "tidy-up" },
  { event: "abide/function.cancelled", if: "event.data.function_id == 'document-analysis-ts/analyse'" },
  async ({ event, step }) => {
    const { document } = event.data.event.data as Upload;
    await step.run("update", () => update(document, { percent: null, cancelled: true }));
    return document;
  },
);

async function update(document: string, fields: object): Promise<void> {
  const headers = { "content-type": "application/json", "idempotency-key": execution().stepKey };
  const url = `${process.env["STAND_IN_URL"]}/records/documents/${document}`;
  await ensureOk(await fetch(url, { method: "PATCH", headers, body: JSON.stringify(fields) }));
}

export default serve({ client: inngest, functions: [analyse, showProgress, tidyUp] });
