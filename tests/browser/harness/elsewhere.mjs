// A page of another site.

import { once } from "node:events";
import http from "node:http";

/** Opens a page with this body, which is no page of the server, and closes it when `look` is done. `look` gets its address. */
export async function elsewhere(server, body, look) {
  const other = http.createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(body);
  });
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  // Another name of this machine: another site.
  const there = `http://localhost:${other.address().port}/`;
  server.also.add(new URL(there).origin);
  try {
    await look(there);
  } finally {
    other.closeAllConnections();
    other.close();
  }
}
