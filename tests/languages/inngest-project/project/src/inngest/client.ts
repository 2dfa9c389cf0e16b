import { EventSchemas, Inngest } from "inngest";
import type { Events } from "./events";
import { mailMiddleware } from "./middleware";

export const inngest = new Inngest({
  id: "acme-shop",
  schemas: new EventSchemas().fromRecord<Events>(),
  middleware: [mailMiddleware],
});
