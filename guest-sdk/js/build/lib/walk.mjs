// A walk through a syntax tree in the form of ESTree.

/**
 * Calls `visit` for every node, parents first, with the nodes around it from the outside in.
 * @param {any} root
 * @param {(node: any, ancestors: any[]) => void} visit
 */
export function walk(root, visit) {
  const ancestors = [];
  const go = (node) => {
    visit(node, ancestors);
    ancestors.push(node);
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) {
        value.forEach((item) => isNode(item) && go(item));
      } else if (isNode(value)) {
        go(value);
      }
    }
    ancestors.pop();
  };
  go(root);
}

function isNode(value) {
  return typeof value === "object" && value !== null && typeof value.type === "string";
}

/** @param {any} node */
export function isFunction({ type }) {
  return type === "FunctionDeclaration" || type === "FunctionExpression" || type === "ArrowFunctionExpression";
}
