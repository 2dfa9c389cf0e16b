// Every page that there is.

/** What stands in the navigation, with its path. */
export const SECTIONS = {
  Overview: "/",
  Runs: "/runs",
  Events: "/events",
  Functions: "/functions",
  Apps: "/apps",
  Schemas: "/schemas",
  Webhooks: "/webhooks",
  Notifications: "/notifications",
  Keys: "/keys",
  Environments: "/environments",
  "Audit log": "/audit",
  Settings: "/settings",
};

/** The paths of all pages of a server that `populate` filled. */
export async function everyPage(server, runs) {
  const { event_id: event } = await server.run(runs.completed);
  const functions = ["fulfil", "approve", "report", "one-by-one"].map((name) => `/functions/shop/${name}`);
  const shown = Object.values(runs).map((run) => `/runs/${run}`);
  return [...Object.values(SECTIONS), "/apps/shop", "/events/new", "/events/new?name=shop/charge.asked", `/events/${event}`, ...functions, ...shown];
}
