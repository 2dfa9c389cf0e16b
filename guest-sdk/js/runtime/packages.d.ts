/** Packages that come without types. */

declare module "core-js-pure/stable/url/index.js" {
  const constructor: typeof URL;
  export default constructor;
}

declare module "core-js-pure/stable/url-search-params/index.js" {
  const constructor: typeof URLSearchParams;
  export default constructor;
}
