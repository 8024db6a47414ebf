/** What the console uses of lit: everything that its modules import from `vendor/lit.js`. */

export { html, LitElement, nothing, render, svg } from "lit";
export { classMap } from "lit/directives/class-map.js";
export { guard } from "lit/directives/guard.js";
export { ref } from "lit/directives/ref.js";
export { repeat } from "lit/directives/repeat.js";
