import { format, startOfDay, subDays } from "date-fns";
import { inngest } from "../client";

export const dailyReport = inngest.createFunction(
  { id: "daily-report", name: "Daily report" },
  [{ cron: "TZ=Europe/Berlin 0 9 * * 1-5" }, { event: "report/asked" as never }],
  async ({ event, step }) => {
    const day = await step.run("which-day", () => format(startOfDay(subDays(new Date(event.ts ?? 0), 1)), "yyyy-MM-dd"));
    return { day, title: `Sales of ${day}` };
  },
);
