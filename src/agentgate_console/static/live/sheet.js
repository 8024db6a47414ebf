/** Styles that only some pages need: they come with the page, and it is shown when they are there. */

/**
 * @param {string} name of a file beside this one
 * @returns {Promise<void>}
 */
export function sheet(name) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(name, import.meta.url).href;
  return new Promise((resolve, reject) => {
    link.addEventListener("load", () => resolve());
    link.addEventListener("error", () => reject(new Error(`${name} can't be fetched`)));
    document.head.append(link);
  });
}
