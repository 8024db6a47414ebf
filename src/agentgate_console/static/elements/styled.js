/** A sheet of a page: loaded with the page, so that the shell stays small. */

/** @type {Map<string, Promise<void>>} */
const loading = new Map();

/**
 * Load a sheet once; resolve when it counts, or can't be had (the page is readable without it).
 * @param {string} url
 * @returns {Promise<void>}
 */
export function styled(url) {
  let done = loading.get(url);
  if (!done) {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = url;
    done = new Promise((resolve) => (link.onload = link.onerror = () => resolve()));
    loading.set(url, done);
    document.head.append(link);
  }
  return done;
}

/** The sheet of what pages are made of besides the shell. */
export const pagesStyled = () => styled(new URL("../pages.css", import.meta.url).href);
