import { inngest } from "../client";

export const countViews = inngest.createFunction(
  { id: "count-views", batchEvents: { maxSize: 3, timeout: "5s" } },
  { event: "page/viewed" },
  async ({ events, step }) => {
    const counts = await step.run("count", () => {
      const views: Record<string, number> = {};
      for (const { data } of events) {
        views[data.path] = (views[data.path] ?? 0) + 1;
      }
      return views;
    });
    return { counts, of: events.length };
  },
);
