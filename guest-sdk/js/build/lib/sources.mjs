// What is changed in sources, the author's and those of packages, before they are bundled.
//
// `\p{…}` in regular expressions: StarlingMonkey comes without Unicode's tables and refuses to load a file that holds one, so they become plain ranges.
// `Buffer`, which Node programs use without importing it: whether any file does.

import { readFile } from "node:fs/promises";
import { extname } from "node:path";

import { walk } from "./walk.mjs";

const PROPERTY = /\\p\{/i;

/**
 * @param {any} regexpu regexpu-core
 * @returns {(source: string, program: any) => string} the source with its regular expressions rewritten
 */
export function regexpRewriter(regexpu) {
  return (source, program) => {
    const found = [];
    walk(program, (node) => {
      if (node.type === "Literal" && node.regex !== undefined && PROPERTY.test(node.regex.pattern)) {
        found.push(node);
      }
    });
    let text = source;
    for (const { start, end, regex } of found.sort((a, b) => b.start - a.start)) {
      const pattern = regexpu(regex.pattern, regex.flags, { unicodePropertyEscapes: "transform", unicodeSetsFlag: "transform" });
      text = `${text.slice(0, start)}/${pattern}/${regex.flags.replace("v", "u")}${text.slice(end)}`;
    }
    return text;
  };
}

/** Node's `Buffer`, used and not imported under that name. A false alarm costs space only. */
const BUFFER = /(?<![.\w$])Buffer\b/;
const OWN_BUFFER = /\bimport\s+Buffer\b|\bimport\b[^{;'"]*\{[^{}]*\bBuffer\b(?!\s+as\b)[^{}]*\}\s*from\b|\b(?:const|let|var|class|function)\s+(?:\{[^}]*)?\bBuffer\b/;

/** @param {string} source @returns {boolean} */
export function usesBuffer(source) {
  return BUFFER.test(source) && !OWN_BUFFER.test(source);
}

/**
 * The same for the files of packages; the author's are read elsewhere.
 * @param {any} parser oxc-parser
 * @param {(source: string, program: any) => string} rewrite
 * @param {{ used: boolean }} globals whether any of Node's is used
 * @returns {import("esbuild").Plugin}
 */
export function packagesFiles(parser, rewrite, globals) {
  return {
    name: "abide-packages-files",
    setup(build) {
      build.onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/, namespace: "file" }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        globals.used ||= usesBuffer(source);
        if (!PROPERTY.test(source)) {
          return undefined;
        }
        const { program, errors } = parser.parseSync(path, source, { lang: "js", sourceType: extname(path) === ".cjs" ? "script" : "unambiguous" });
        return { contents: errors.length > 0 ? source : rewrite(source, program), loader: "js" };
      });
    },
  };
}
