/** Redirects, as the Fetch standard has them followed. It knows no network: one exchange is the caller's. */

const MAX_REDIRECTS = 20;
const STATUSES = [301, 302, 303, 307, 308];

export interface Sent {
  url: string;
  method: string;
  headers: [string, string][];
  body: Uint8Array | undefined;
}

export interface Received {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** Sends a request, and what its answers redirect to. Gives the last answer, where it came from, and whether that is somewhere else. */
export async function follow<T extends Received>(
  first: Sent,
  mode: "follow" | "error" | "manual",
  exchange: (sent: Sent) => Promise<T>,
): Promise<{ response: T; url: string; redirected: boolean }> {
  let sent = first;
  for (let redirects = 0; ; redirects += 1) {
    const response = await exchange(sent);
    const location = STATUSES.includes(response.status) ? response.headers.get("location") : null;
    if (location === null || mode === "manual") {
      return { response, url: sent.url, redirected: redirects > 0 };
    }
    if (mode === "error") {
      throw new TypeError(`fetch failed: ${sent.url} redirects to ${location}, which the request does not allow`);
    }
    if (redirects === MAX_REDIRECTS) {
      throw new TypeError(`fetch failed: ${first.url} redirects more than ${MAX_REDIRECTS} times`);
    }
    sent = next(sent, response.status, new URL(location, sent.url));
  }
}

function next(sent: Sent, status: number, url: URL): Sent {
  let { method, headers, body } = sent;
  if (status === 303 ? method !== "GET" && method !== "HEAD" : status <= 302 && method === "POST") {
    method = "GET";
    body = undefined;
    headers = headers.filter(([name]) => !/^content-/i.test(name));
  }
  if (url.origin !== new URL(sent.url).origin) {
    // What was meant for one server is no business of another.
    headers = headers.filter(([name]) => !/^(?:authorization|cookie|proxy-authorization)$/i.test(name));
  }
  return { url: url.href, method, headers, body };
}
