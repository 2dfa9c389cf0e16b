// What is looked at on a page beside its content: accessibility, width, what it is made of.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { require } from "./browser.mjs";

let axe;

/** axe finds nothing against WCAG 2.2 AA and its own best practices. */
export async function accessible(page, what = page.url()) {
  axe ??= await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.slice(0, 5).map((node) => `${node.target.join(" ")}: ${node.failureSummary}`),
    }));
  });
  assert.deepEqual(violations, [], `axe on ${what}`);
}

/** Nothing sticks out to the right: what is too wide scrolls within itself. */
export async function fits(page, what = page.url()) {
  const found = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return null;
    const wide = [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > clientWidth + 1);
    const named = wide.slice(0, 5).map((it) => `${it.tagName.toLowerCase()}.${[...it.classList].join(".")}`);
    return `${scrollWidth} px in ${clientWidth}: ${named.join(", ")}`;
  });
  assert.equal(found, null, `${what} scrolls sideways`);
}

/** The page is made of what the server ships, and of nothing that data brought along. */
export async function untouched(page, what = page.url()) {
  const strange = await page.evaluate(() => {
    const own = (url) => new URL(url, location.href).origin === location.origin && new URL(url, location.href).pathname.startsWith("/assets/");
    const found = [];
    for (const it of document.querySelectorAll("*")) {
      const name = it.tagName.toLowerCase();
      const source = it.getAttribute("src");
      if (["iframe", "object", "embed", "base", "marquee", "blink"].includes(name)) found.push(it.outerHTML);
      if (name === "script" && !(source && own(source))) found.push(it.outerHTML);
      if (name !== "script" && source !== null && !own(source)) found.push(it.outerHTML);
      if (name === "style") found.push(it.outerHTML);
      for (const { name: attribute, value } of it.attributes) {
        if (/^on/i.test(attribute) || attribute === "style") found.push(`${name} ${attribute}=${value}`);
        if (/^(href|action|formaction|xlink:href)$/i.test(attribute) && /^\s*(javascript|data|vbscript):/i.test(value)) found.push(`${name} ${attribute}=${value}`);
      }
    }
    return found.map((it) => it.slice(0, 200));
  });
  assert.deepEqual(strange, [], `${what} holds what no template wrote`);
}

/** The headers with which every page is answered. */
export function guarded(answer, what) {
  const headers = answer.headers();
  const policy = headers["content-security-policy"] ?? "";
  const directives = Object.fromEntries(
    policy.split(";").map((directive) => {
      const [name, ...values] = directive.trim().split(/\s+/);
      return [name, values.join(" ")];
    }),
  );
  assert.equal(directives["default-src"], "'none'", what);
  assert.equal(directives["frame-ancestors"], "'none'", what);
  assert.equal(directives["base-uri"], "'none'", what);
  for (const name of ["script-src", "style-src", "img-src", "connect-src", "form-action"]) {
    assert.equal(directives[name] ?? "'self'", "'self'", `${name} on ${what}`);
  }
  assert.ok(!/unsafe|\*|data:|https?:/.test(policy), `${what}: ${policy}`);
  assert.equal(headers["x-content-type-options"], "nosniff", what);
  assert.match(headers["referrer-policy"] ?? "", /^(no-referrer|same-origin)$/, what);
  assert.match(headers["cache-control"] ?? "", /no-store/, what);
}
