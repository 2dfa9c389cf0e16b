export function authorsFiles() {
  return { name: "abide-author", setup() {} };
}
