export function loadingProblem(output) { return { message: output }; }
