/** What the console uses of lit: everything that its modules import from `vendor/lit.js`. */

export { css, html, LitElement, noChange, nothing, render, svg } from "lit";
export { AsyncDirective } from "lit/async-directive.js";
export { classMap } from "lit/directives/class-map.js";
export { guard } from "lit/directives/guard.js";
export { ifDefined } from "lit/directives/if-defined.js";
export { keyed } from "lit/directives/keyed.js";
export { live } from "lit/directives/live.js";
export { createRef, ref } from "lit/directives/ref.js";
export { repeat } from "lit/directives/repeat.js";
export { styleMap } from "lit/directives/style-map.js";
