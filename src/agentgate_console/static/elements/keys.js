/** The list of keys. */

import { html } from "../vendor/lit.js";
import { openDialog } from "./dialog.js";

/** @param {import("../page.js").Key[]} keys */
export function keysDialog(keys) {
  return openDialog(
    "Keys",
    () => html`<dl class="keys">
      ${keys.map(({ key, label }) => html`<div><dt><kbd>${key}</kbd></dt><dd>${label}</dd></div>`)}
    </dl>`,
  );
}
