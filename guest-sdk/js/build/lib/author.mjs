// The author's own files: what they use that a sandbox does not have is told with its place, before anything is built.
//
// What cannot be seen in the source, such as a package's use of a variable, is refused when it runs. What is seen here errs on the side of
// letting pass: a name that the file declares itself, or asks after with `typeof`, is never refused.

import { readFile } from "node:fs/promises";
import { extname } from "node:path";

import { freeNameRefusal, importMetaRefusal, moduleCodeRefusal, processRefusal } from "./refusals.mjs";
import { usesBuffer } from "./sources.mjs";
import { isFunction, walk } from "./walk.mjs";

/** Same length, so that columns stay what they are. */
const ENVIRONMENT = "process.env";
const OURS = "__abide_env";

const LOADERS = { ".ts": "ts", ".mts": "ts", ".cts": "ts", ".tsx": "tsx", ".jsx": "jsx", ".js": "jsx", ".mjs": "jsx", ".cjs": "jsx" };
const LANGUAGES = { ts: "ts", tsx: "tsx", jsx: "jsx" };

/**
 * @typedef {object} Finding
 * @property {string} file
 * @property {number} offset
 * @property {string} message
 * @property {string} help
 * @property {boolean} [warning]
 */

/**
 * @param {import("./arguments.mjs").Options} options
 * @param {any} parser oxc-parser
 * @param {(source: string, program: any) => string} rewriteRegexps
 * @param {{ used: boolean }} globals whether any of Node's is used
 * @param {import("./report.mjs").Problem[]} problems where findings go
 * @returns {import("esbuild").Plugin}
 */
export function authorsFiles({ engine }, parser, rewriteRegexps, globals, problems) {
  return {
    name: "abide-author",
    setup(build) {
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: "file" }, async ({ path }) => {
        if (/[\\/]node_modules[\\/]/.test(path)) {
          return undefined;
        }
        const loader = LOADERS[extname(path)];
        const source = await readFile(path, "utf8");
        globals.used ||= usesBuffer(source);
        const parsed = parser.parseSync(path, source, { lang: LANGUAGES[loader], sourceType: path.endsWith(".cjs") ? "script" : "module" });
        if (parsed.errors.length > 0) {
          // The bundler tells what is wrong with it.
          return { contents: source, loader };
        }
        const { findings, environment } = inspect(parsed.program, engine);
        for (const { offset, ...finding } of findings) {
          problems.push({ file: path, ...place(source, offset), ...finding });
        }
        // Equally long, and so before what may change lengths.
        return { contents: rewriteRegexps(rewritten(source, environment), parsed.program), loader };
      });
    },
  };
}

/** @returns {{ line: number, column: number }} counted from 1 */
function place(source, offset) {
  const before = source.slice(0, offset).split("\n");
  return { line: before.length, column: before[before.length - 1].length + 1 };
}

function rewritten(source, offsets) {
  let text = source;
  for (const offset of offsets) {
    if (text.startsWith(ENVIRONMENT, offset)) {
      text = text.slice(0, offset) + OURS + text.slice(offset + ENVIRONMENT.length);
    }
  }
  return text;
}

/**
 * Looks through one file.
 * @returns {{ findings: Omit<Finding, "file">[], environment: number[] }} and where `process.env` stands
 */
export function inspect(program, engine) {
  const declared = new Set();
  const asked = new Set();
  walk(program, (node, ancestors) => {
    for (const name of declaredBy(node, ancestors)) {
      declared.add(name);
    }
    if (node.type === "UnaryExpression" && node.operator === "typeof" && node.argument.type === "Identifier") {
      asked.add(node.argument.name);
    }
  });
  const findings = [];
  const environment = [];
  const free = (node) => node?.type === "Identifier" && !declared.has(node.name);
  walk(program, (node, ancestors) => {
    const atModuleLevel = !ancestors.some(isDeferred);
    const find = (refusal) => refusal !== undefined && findings.push({ offset: node.start, ...refusal });
    if (node.type === "MemberExpression" && node.object.type === "Identifier" && node.object.name === "process" && (free(node.object) || declared.has("process"))) {
      const name = node.computed ? (node.property.type === "Literal" ? node.property.value : undefined) : node.property.name;
      if (name === "env") {
        const read = ancestors[ancestors.length - 1];
        const variable = read?.type === "MemberExpression" && read.object === node && !read.computed ? read.property.name : undefined;
        if (variable !== "NODE_ENV") {
          environment.push(node.start);
          find(atModuleLevel && !asked.has("process") ? moduleCodeRefusal("process.env", variable) : undefined);
        }
      } else if (!declared.has("process") || importsProcess(program)) {
        find(asked.has("process") ? undefined : processRefusal(name));
      }
      return;
    }
    if (node.type === "MemberExpression" && node.object.type === "MetaProperty") {
      find(importMetaRefusal(node.property.name));
    }
    if (node.type === "Identifier" && free(node) && !asked.has(node.name) && isReference(node, ancestors)) {
      find(freeNameRefusal(node.name, engine));
    }
    if (node.type === "MemberExpression" && engine === "quickjs" && free(node.object) && node.object.name === "crypto" && node.property.name === "subtle") {
      find(freeNameRefusal("crypto.subtle", engine));
    }
    if (node.type === "ImportExpression" && node.source.type !== "Literal" && !(node.source.type === "TemplateLiteral" && node.source.expressions.length === 0)) {
      find({ message: "import() of a path that is not known until it runs", help: "write the path as a string, so that the module becomes part of the component" });
    }
    if (atModuleLevel) {
      find(atModuleLevelOf(node, free));
    }
  });
  return { findings, environment };
}

/** What must not happen while modules are loaded, since that is when the app is built. */
function atModuleLevelOf(node, free) {
  if (node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await)) {
    return moduleCodeRefusal("await");
  }
  const called = node.type === "CallExpression" || node.type === "NewExpression" ? node.callee : undefined;
  if (called === undefined) {
    return undefined;
  }
  if (free(called)) {
    return called.name === "Date" && node.arguments.length > 0 ? undefined : moduleCodeRefusal(called.name);
  }
  if (called.type === "MemberExpression" && free(called.object) && called.property.type === "Identifier") {
    return moduleCodeRefusal(`${called.object.name}.${called.property.name}`);
  }
  return undefined;
}

/** Code inside it runs later than the module around it. */
function isDeferred(node) {
  return isFunction(node) || ((node.type === "PropertyDefinition" || node.type === "AccessorProperty") && !node.static);
}

function importsProcess(program) {
  return program.body.some((node) => node.type === "ImportDeclaration" && /^(?:node:)?process$/.test(node.source.value));
}

/** Whether an identifier stands for a value, and not for a key, a label or a type. */
function isReference(node, ancestors) {
  const parent = ancestors[ancestors.length - 1];
  if (ancestors.some(({ type }) => type.startsWith("TSType") || type.startsWith("TSInterface") || type === "TSDeclareFunction" || type === "TSModuleDeclaration")) {
    return false;
  }
  switch (parent?.type) {
    case "MemberExpression":
      return parent.object === node || parent.computed;
    case "Property":
      return parent.value === node && !ancestors.some(({ type }) => type === "ObjectPattern");
    case "MethodDefinition":
    case "PropertyDefinition":
    case "AccessorProperty":
      return parent.value === node || parent.computed;
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
    case "ExportSpecifier":
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "TSQualifiedName":
    case "TSEnumMember":
    case "MetaProperty":
    case "JSXAttribute":
      return false;
    default:
      return true;
  }
}

/** The names that a node declares. */
function declaredBy(node, ancestors) {
  switch (node.type) {
    case "VariableDeclarator":
      // `declare const process: …` says what is there already.
      return ancestors[ancestors.length - 1]?.declare ? [] : namesOf(node.id);
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      return [...(node.id ? [node.id.name] : []), ...parameters(node)];
    case "ClassDeclaration":
    case "ClassExpression":
    case "TSEnumDeclaration":
      return node.id && !node.declare ? [node.id.name] : [];
    case "CatchClause":
      return namesOf(node.param);
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
      return [node.local.name];
    default:
      return [];
  }
}

function parameters({ params }) {
  const list = Array.isArray(params) ? params : [...(params?.items ?? []), ...(params?.rest ? [params.rest] : [])];
  return list.flatMap(namesOf);
}

function namesOf(pattern) {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((property) => namesOf(property.value ?? property.argument));
    case "ArrayPattern":
      return pattern.elements.flatMap(namesOf);
    case "AssignmentPattern":
      return namesOf(pattern.left);
    case "RestElement":
      return namesOf(pattern.argument);
    case "FormalParameter":
      return namesOf(pattern.pattern);
    case "TSParameterProperty":
      return namesOf(pattern.parameter);
    default:
      return [];
  }
}
