/** The list of keys, and whether they count: who talks to the machine may press them unawares. */

import { html } from "../vendor/lit.js";
import { openDialog } from "./dialog.js";

const STORED = "keys";

/** Whether single letters do something in this browser, as app.js looks. */
function areKeysOn() {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} on */
function setKeys(on) {
  try {
    localStorage.setItem(STORED, on ? "on" : "off");
  } catch {
    // A browser that stores nothing keeps them on
  }
}

/** @param {import("../page.js").Key[]} keys */
export function keysDialog(keys) {
  return openDialog(
    "Keys",
    () => html`<label class="check"
        ><input
          type="checkbox"
          .checked=${areKeysOn()}
          @change=${(/** @type {Event} */ event) => setKeys(/** @type {HTMLInputElement} */ (event.target).checked)}
        />Use these keys in this browser</label
      >
      <dl class="keys">
        ${keys.map(({ key, label }) => html`<div><dt><kbd>${key}</kbd></dt><dd>${label}</dd></div>`)}
      </dl>`,
  );
}
