/** Texts of others, so that they can't deceive: what is not seen as itself is written by its number. */

import { html, nothing } from "../vendor/lit.js";
import { pieces } from "./odd.js";
import { styled } from "./styled.js";

await styled(new URL("values.css", import.meta.url).href);

/**
 * A text of somebody's on one line, or of several with `plain`.
 * @param {string} text
 * @param {string} [plain] see `pieces`
 */
export function shown(text, plain = "") {
  const parts = pieces(String(text ?? ""), plain);
  return html`<bdi
    >${parts.map(({ text: part, isOdd }) =>
      isOdd ? html`<span class="odd" title="not seen, or looks like something else">${part}</span>` : part,
    )}</bdi
  >`;
}

/**
 * What somebody says, of several lines, as their own words.
 * @param {string} text
 */
export const saidBy = (text) => (text ? html`<p class="said" dir="auto">${shown(text, "\n")}</p>` : nothing);
