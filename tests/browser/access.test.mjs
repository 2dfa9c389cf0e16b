// Who gets in, as whom, and what each may see and do; where a server asks for keys.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { leads, open } from "./harness/browser.mjs";
import { elsewhere } from "./harness/elsewhere.mjs";
import { populate } from "./harness/fixtures.mjs";
import { accessible, guarded } from "./harness/look.mjs";
import { SECTIONS, everyPage } from "./harness/pages.mjs";
import { pageTest } from "./harness/page-test.mjs";
import { Server } from "./harness/server.mjs";

const REFUSED = [/status of 40[1345]/];
const ROLES = ["send", "read", "operate", "deploy", "admin"];

let server;
/** The same, over TLS, without an app. */
let secure;
let runs;
/** A key of each role, for the environment `default`; `everywhere` is the one for all. */
const keys = {};

before(async () => {
  server = await Server.guarded();
  runs = await populate(server);
  for (const role of ROLES) keys[role] = await server.api("POST", "/api/v1/keys", { name: `of-${role}`, role });
  keys.everywhere = { key: server.key };
  await server.api("POST", "/api/v1/environments", { name: "staging" });
  secure = await Server.overTls();
});
after(async () => {
  await server?.stop();
  await secure?.stop();
});

async function enter(page, key) {
  await page.getByLabel("API key").fill(key);
  await leads(page, () => page.getByRole("button", { name: "Sign in" }).click());
}

/** Signs in, and looks at a page. */
async function signIn(page, key, route = "/runs") {
  await page.goto(`/sign-in?${new URLSearchParams({ next: route })}`);
  await enter(page, key);
}

const cookieOf = async (visitor) => (await visitor.cookies()).find(({ name }) => name === "abide_session");
const at = (page) => new URL(page.url()).pathname;
const guard = () => server;

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript too";
  pageTest(`a stranger is asked for a key, and then sees the page that was meant${how}`, guard, { javaScriptEnabled }, async ({ page, visitor }) => {
    const answer = await page.goto(`/runs/${runs.waiting}`);
    assert.equal(at(page), "/sign-in");
    guarded(answer, "/sign-in");
    assert.equal(await cookieOf(visitor), undefined);
    await enter(page, keys.operate.key);
    assert.equal(at(page), `/runs/${runs.waiting}`);
    assert.ok((await page.textContent("main")).includes("shop/payment.approved"));
    const cookie = await cookieOf(visitor);
    assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path, cookie.domain], [true, "Strict", "/", "127.0.0.1"]);
    const hours = (cookie.expires - Date.now() / 1000) / 3600;
    assert.ok(hours > 11 && hours <= 12.01, `${hours} h`);
    assert.ok(!cookie.value.includes(keys.operate.key.slice(-16)), "the cookie is not the key");
  });
}

pageTest("over TLS the session has a cookie for TLS only", () => secure, { ignoreHTTPSErrors: true }, async ({ page, visitor, server }) => {
  assert.match(server.url, /^https:/);
  await signIn(page, server.key);
  assert.equal(at(page), "/runs");
  const cookie = await cookieOf(visitor);
  assert.deepEqual([cookie.secure, cookie.httpOnly, cookie.sameSite], [true, true, "Strict"]);
  await leads(page, () => page.getByRole("button", { name: "Sign out" }).click());
  assert.equal(await cookieOf(visitor), undefined);
});

pageTest("the page of the key is accessible, before and after a wrong one", guard, { expected: REFUSED }, async ({ page }) => {
  await open(page, "/sign-in");
  await accessible(page);
  await page.getByLabel("API key").fill("abide_sk_wrong");
  await page.keyboard.press("Enter");
  await page.getByTestId("sign-in-error").waitFor();
  await accessible(page);
});

pageTest("a wrong key, a revoked one, and one that may only send are refused, each with what to do", guard, { expected: REFUSED }, async ({ page, visitor, server }) => {
  const revoked = await server.api("POST", "/api/v1/keys", { name: "of-yesterday", role: "read" });
  await server.api("POST", `/api/v1/keys/${revoked.id}/revoke`);
  const told = new Set();
  for (const [key, says] of [["abide_sk_nobody", /./], [revoked.key, /revoked/], [keys.send.key, /only send events/]]) {
    await page.goto("/sign-in");
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    const error = page.getByTestId("sign-in-error");
    await error.waitFor();
    const text = await error.textContent();
    assert.match(text, says);
    assert.ok(!(await page.content()).includes(key), "a page does not repeat the key");
    told.add(text);
    assert.equal(await cookieOf(visitor), undefined);
  }
  assert.equal(told.size, 3);
});

pageTest("nobody is led to another site", guard, async ({ page }) => {
  for (const next of ["https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "javascript:alert(1)"]) {
    await signIn(page, keys.read.key, next);
    assert.ok(page.url().startsWith(server.url), page.url());
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL("**/sign-in");
  }
});

pageTest("after signing out the session is worth nothing", guard, async ({ page, visitor, server }) => {
  await signIn(page, keys.read.key);
  const { name, value } = await cookieOf(visitor);
  const cookie = { cookie: `${name}=${value}` };
  assert.equal((await server.call("GET", "/api/v1/runs", undefined, cookie)).status, 200);
  await leads(page, () => page.getByRole("button", { name: "Sign out" }).click());
  assert.equal(at(page), "/sign-in");
  assert.equal(await cookieOf(visitor), undefined);
  assert.equal((await server.call("GET", "/api/v1/runs", undefined, cookie)).status, 401);
});

pageTest("a session ends with its key, and says so", guard, { expected: REFUSED }, async ({ page, server }) => {
  const key = await server.api("POST", "/api/v1/keys", { name: "for-an-hour", role: "operate" });
  await signIn(page, key.key, "/runs?status=Failed");
  assert.equal(at(page), "/runs");
  await server.api("POST", `/api/v1/keys/${key.id}/revoke`);
  await page.goto("/runs");
  assert.equal(at(page), "/sign-in");
  assert.match(await page.textContent("main"), /over/);
});

pageTest("a session looks at the API, and acts by pages of this server only", guard, async ({ page, visitor, server }) => {
  await signIn(page, keys.operate.key);
  const { name, value } = await cookieOf(visitor);
  const run = await server.start("shop/nap", "shop/reminder.set", { sleep_ms: 3_600_000 }, "Sleeping");
  const ask = (route, headers, body = "") =>
    fetch(`${server.url}${route}`, {
      method: "POST",
      redirect: "manual",
      body,
      headers: { cookie: `${name}=${value}`, "content-type": "application/x-www-form-urlencoded", ...headers },
    });
  const refused = [
    await ask(`/runs/${run}/cancel`, {}),
    await ask(`/runs/${run}/cancel`, { origin: "https://elsewhere.example" }),
    await ask(`/runs/${run}/cancel`, { origin: "null" }),
    await ask(`/runs/${run}/cancel`, { "sec-fetch-site": "cross-site" }),
    await ask(`/runs/${run}/cancel`, { "sec-fetch-site": "same-site" }),
    await ask(`/runs/${run}/cancel`, { origin: server.url, "sec-fetch-site": "cross-site" }),
    await ask(`/api/v1/runs/${run}/cancel`, { origin: server.url, "sec-fetch-site": "same-origin" }, "{}"),
  ];
  for (const [nth, answer] of refused.entries()) assert.ok([401, 403].includes(answer.status), `${nth}: ${answer.status}`);
  assert.equal((await server.run(run)).status, "Sleeping");
  assert.equal((await ask(`/runs/${run}/cancel`, { origin: server.url, "sec-fetch-site": "same-origin" })).status, 303);
  await server.reaches(run, "Cancelled");
});

pageTest("a page of another site can link here, and can do nothing here", guard, { expected: REFUSED }, async ({ page, server }) => {
  const run = await server.start("shop/nap", "shop/reminder.set", { sleep_ms: 3_600_000 }, "Sleeping");
  await signIn(page, keys.operate.key);
  const body = `<a href="${server.url}/runs/${run}">a run</a>
    <form method=post action="${server.url}/runs/${run}/cancel"><button>Win a prize</button></form>`;
  await elsewhere(server, body, async (there) => {
    await page.goto(there);
    await page.getByRole("link").click();
    await page.getByRole("heading", { level: 1 }).filter({ hasText: /nap|Remind/ }).waitFor();
    await page.goto(there);
    await leads(page, () => page.getByRole("button").click()).catch(() => {});
    assert.equal((await server.run(run)).status, "Sleeping");
  });
});

/** Forms of a page that do something to what it shows. */
const acts = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("form")]
      .filter((form) => form.method === "post" && !/^\/(preferences|sign-out)$/.test(form.getAttribute("action")))
      .map((form) => form.getAttribute("action")),
  );

pageTest("a key that may only look sees every page of its role, and no button", guard, { expected: REFUSED }, async ({ page, server }) => {
  await signIn(page, keys.read.key);
  const hidden = ["/keys", "/audit", "/settings"];
  for (const route of await everyPage(server, runs)) {
    const answer = await page.goto(route);
    if (hidden.includes(route)) {
      assert.equal(answer.status(), 403, route);
      continue;
    }
    // A form to send an event is for who may send.
    if (route.startsWith("/events/new")) continue;
    assert.equal(answer.status(), 200, route);
    assert.deepEqual(await acts(page), [], `${route} offers what is refused`);
  }
  await open(page, "/runs");
  const named = await page.getByRole("navigation", { name: "Sections" }).getByRole("link").allTextContents();
  assert.ok(!named.some((name) => /Keys|Audit|Settings/.test(name)), named.join());
});

pageTest("what a role may not do is refused when it is asked for by hand", guard, { expected: REFUSED }, async ({ page, server }) => {
  await signIn(page, keys.read.key);
  const routes = [`/runs/${runs.sleeping}/cancel`, `/runs/${runs.failed}/replay`, "/functions/shop/nap/pause", "/keys", "/webhooks", "/environments"];
  for (const route of routes) {
    const status = await page.evaluate(async (route) => (await fetch(route, { method: "POST", redirect: "manual", body: new URLSearchParams() })).status, route);
    assert.ok([403, 404, 405].includes(status), `${route}: ${status}`);
  }
  assert.equal((await server.run(runs.sleeping)).status, "Sleeping");
});

pageTest("an operator acts on runs, and on nothing that is an admin's", guard, { expected: REFUSED }, async ({ page }) => {
  await signIn(page, keys.operate.key, `/runs/${runs.sleeping}`);
  assert.ok((await acts(page)).some((action) => action.endsWith("/cancel")));
  assert.equal((await page.goto("/keys")).status(), 403);
  assert.match(await page.textContent("main"), /admin/);
  await open(page, "/environments");
  assert.deepEqual(await acts(page), []);
});

pageTest("an admin sees every section", guard, async ({ page }) => {
  await signIn(page, keys.admin.key);
  const links = page.getByRole("navigation", { name: "Sections" }).getByRole("link");
  const named = await links.evaluateAll((all) => all.map((it) => it.textContent.trim()));
  for (const name of Object.keys(SECTIONS)) assert.ok(named.includes(name), name);
});

pageTest("a key for all environments chooses among them, and each page is of the chosen one", guard, { expected: REFUSED }, async ({ page, server }) => {
  await server.deploy("staging");
  const there = await server.start("shop/nap", "shop/reminder.set", { sleep_ms: 3_600_000 }, "Sleeping", "staging");
  await signIn(page, server.key, `/runs/${runs.sleeping}`);
  await page.goto(`/runs/${there}`);
  assert.match(await page.textContent("main"), /no run/);
  await open(page, "/runs");
  await leads(page, () => page.getByLabel("Environment").selectOption("staging"));
  await open(page, `/runs/${there}`);
  await page.goto(`/runs/${runs.sleeping}`);
  assert.match(await page.textContent("main"), /no run/);
  await open(page, "/runs");
  await leads(page, () => page.getByLabel("Environment").selectOption("default"));
  await open(page, `/runs/${runs.sleeping}`);
});

pageTest("a key of one environment sees that one, whatever a cookie says", guard, { expected: REFUSED }, async ({ page, visitor, server }) => {
  const there = await server.start("shop/nap", "shop/reminder.set", { sleep_ms: 3_600_000 }, "Sleeping", "staging");
  await signIn(page, keys.operate.key);
  assert.equal(await page.getByLabel("Environment").count(), 0);
  await visitor.addCookies([{ name: "abide_environment", value: "staging", url: server.url }]);
  const answer = await page.goto(`/runs/${there}`);
  assert.ok([403, 404].includes(answer.status()), `${answer.status()}`);
  await open(page, `/runs/${runs.sleeping}`);
});
