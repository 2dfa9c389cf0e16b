// A test with a page of a server.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, test } from "node:test";

import { closed, visit } from "./browser.mjs";

after(closed);

/**
 * A test with a page. `server` gives the server once the file's `before` has started it.
 *
 * What `visit` watches must hold at its end; if it fails, there is a picture of the page in the folder `ABIDE_BROWSER_CACHE`/failures.
 */
export function pageTest(name, server, options, body) {
  if (!body) return pageTest(name, server, {}, options);
  return test(name, async (t) => {
    const running = server();
    const { visitor, page, faults } = await visit(running, options);
    try {
      await body({ t, page, visitor, server: running });
      assert.deepEqual(faults, []);
    } catch (error) {
      await picture(page, name).catch(() => {});
      if (faults.length) error.message += `\nOn the page:\n${faults.join("\n")}`;
      throw error;
    } finally {
      await visitor.close();
    }
  });
}

async function picture(page, name) {
  const folder = path.join(process.env.ABIDE_BROWSER_CACHE ?? ".", "failures");
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${name.replace(/[^a-z0-9]+/gi, "-").slice(0, 80)}.png`);
  await page.screenshot({ path: file, fullPage: true });
  console.log(`the page as it was: ${file} (${page.url()})`);
}
