/** A button that copies a text; where a browser has no clipboard (a plain LAN address), it selects it. */

import { html } from "../vendor/lit.js";
import { toast } from "../elements/toast.js";

/**
 * @param {string} text
 * @param {string} what it is, as in "the token"
 * @param {string} [selector] of what shows it, to be selected where nothing can be copied
 */
export function copyButton(text, what, selector = "") {
  return html`<button
    class="button quiet"
    type="button"
    aria-label="Copy ${what}"
    @click=${(/** @type {Event} */ event) => copy(text, what, /** @type {HTMLElement} */ (event.currentTarget), selector)}
  >
    Copy
  </button>`;
}

/**
 * @param {string} text
 * @param {string} what
 * @param {HTMLElement} button
 * @param {string} selector
 */
async function copy(text, what, button, selector) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${what}.`);
  } catch {
    const shown = selector ? document.querySelector(selector) : button.previousElementSibling;
    if (shown) getSelection()?.selectAllChildren(shown);
    toast(`This address has no clipboard: ${what} is selected, copy it by hand.`);
  }
}
