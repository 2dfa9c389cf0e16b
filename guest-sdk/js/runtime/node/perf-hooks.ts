/** `node:perf_hooks`, as far as the web platform has it too. */
export const { performance } = globalThis;

export default { performance };
